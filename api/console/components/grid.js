// A table of texts: semantic, sortable by the server, stacked into cards on a phone. Interpolation only, no HTML.
export default {
  template: `
    <div class="grid-wrap" role="region" tabindex="0" :aria-label="caption">
      <table class="grid" :class="{stacked: stacked}">
        <caption class="hidden-text">{{ caption }}</caption>
        <thead><tr>
          <th v-for="c in columns" :key="c.key" scope="col" :class="c.align" :aria-sort="order(c)">
            <button v-if="c.sort" type="button" class="sort" @click="$emit('sort', c.key)">
              {{ c.label }}<span class="sort-sign" aria-hidden="true">{{ sort.key === c.key ? (sort.down ? '↓' : '↑') : '' }}</span>
            </button>
            <template v-else>{{ c.label }}</template>
          </th>
        </tr></thead>
        <tbody>
          <tr v-for="r in rows" :key="r.key" :class="[r.tone, {open: r.open}]">
            <component :is="i === 0 ? 'th' : 'td'" v-for="(cell, i) in r.cells" :key="i" :scope="i === 0 ? 'row' : null"
                :data-label="columns[i].label" :class="[columns[i].align, cell.css]">
              <span v-if="cell.mark" class="dot" :class="'dot-' + cell.mark" aria-hidden="true"></span>
              <a v-if="cell.href" :href="prefix + cell.href">{{ cell.text }}</a>
              <code v-else-if="cell.code">{{ cell.text }}</code>
              <span v-else :class="cell.tone" :title="cell.hint">{{ cell.text }}</span>
              <span v-if="cell.badge" class="simulated" :title="cell.badge_hint">{{ cell.badge }}</span>
              <small v-if="cell.note">{{ cell.note }}</small>
            </component>
          </tr>
        </tbody>
      </table>
      <p v-if="!rows.length && empty" class="empty">{{ empty }}</p>
    </div>`,
  props: { columns: Array, rows: Array, caption: String, empty: String, sort: Object, stacked: Boolean },
  computed: {
    prefix() {
      return window.path_prefix ?? "";
    },
  },
  methods: {
    order(column) {
      if (!column.sort) return null;
      if (this.sort.key !== column.key) return "none";
      return this.sort.down ? "descending" : "ascending";
    },
  },
};
