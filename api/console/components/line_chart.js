// Charts over time that move: one panel a field under a common time axis (Apache ECharts, carried by NiceGUI).
// Tooltips are drawn on the canvas, so that no text ever becomes HTML.
import { echarts } from "nicegui-echart";

const PANEL = 132;
const TOP = 26;
const BOTTOM = 30;
const GAP = 34;

export default {
  template: '<div class="chart"></div>',
  mounted() {
    this.lines = [];
    this.span = 3600e3;
    this.resizes = new ResizeObserver(() => this.chart?.resize());
    this.resizes.observe(this.$el);
    this.themes = new MutationObserver(() => this.render());
    this.themes.observe(document.body, { attributeFilter: ["class"] });
    this.timer = setInterval(() => this.slide(), 1000);
    this.$el.chart = this; // for tests
    this.$nextTick(() => this.$emit("ready"));
  },
  beforeUnmount() {
    clearInterval(this.timer);
    this.resizes?.disconnect();
    this.themes?.disconnect();
    this.chart?.dispose();
  },
  methods: {
    draw({ lines, span, now, still }) {
      this.lines = lines;
      this.still = still ? now : null; // the past stands still
      this.span = span;
      this.skew = now - Date.now(); // the server's clock is the one that counts
      this.render();
    },
    append(points) {
      points.forEach((more, index) => this.lines[index]?.points.push(...more));
      const oldest = this.end() - this.span * 1.02;
      for (const line of this.lines) while (line.points.length && line.points[0][0] < oldest) line.points.shift();
      this.dirty = true;
      this.slide();
    },
    end() {
      return this.still ?? Date.now() + (this.skew ?? 0);
    },
    low(value) {
      return Math.floor(value - Math.abs(value) * 0.02);
    },
    high(value) {
      return Math.ceil(value + Math.abs(value) * 0.02);
    },
    slide() {
      if (this.still !== null && this.still !== undefined) return;
      if (!this.chart || document.hidden || !this.lines.length) return;
      const step = this.span > 7200e3 ? 15e3 : 1000; // a day's chart need not creep every second
      const now = this.end();
      if (!this.dirty && now - (this.slid ?? 0) < step) return;
      this.slid = now;
      const change = { xAxis: this.lines.map(() => ({ min: now - this.span, max: now })) };
      if (this.dirty) change.series = this.lines.map((line) => ({ data: line.points }));
      this.dirty = false;
      this.chart.setOption(change);
    },
    colour(name) {
      return getComputedStyle(document.body).getPropertyValue(name).trim();
    },
    render() {
      const count = this.lines.length;
      this.$el.style.height = count ? `${TOP + count * PANEL + (count - 1) * GAP + BOTTOM}px` : "0";
      if (!count) return;
      this.chart ??= echarts.init(this.$el, null, { renderer: "canvas" });
      this.chart.resize();
      this.chart.setOption(this.options(), { notMerge: true });
    },
    options() {
      const [ink, soft, line, surface] = ["--ink", "--ink-soft", "--line", "--surface"].map(this.colour);
      const colours = ["--accent", "--silent", "--ok", "--alarm"].map(this.colour);
      const language = document.documentElement.lang || "en";
      const zone = { timeZone: "Europe/Paris" };
      const hours = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false, ...zone });
      const days = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", ...zone });
      const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long", ...zone });
      const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
      const { fontFamily } = getComputedStyle(document.body);
      const axis = (at) => (this.span > 2 * 86400e3 ? days : hours).format(at);
      const now = this.end();
      const last = this.lines.length - 1;
      return {
        animation: false,
        textStyle: { fontFamily, color: ink },
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        title: this.lines.map((one, i) => ({
          text: one.unit ? `${one.title} (${one.unit})` : one.title,
          left: 4,
          top: 2 + i * (PANEL + GAP),
          textStyle: { fontSize: 12, fontWeight: 600, color: soft },
        })),
        grid: this.lines.map((_, i) => ({ left: 52, right: 14, top: TOP + i * (PANEL + GAP), height: PANEL - 8 })),
        xAxis: this.lines.map((_, i) => ({
          type: "time",
          gridIndex: i,
          min: now - this.span,
          max: now,
          splitNumber: this.$el.clientWidth < 500 ? 3 : 6,
          axisLine: { lineStyle: { color: line } },
          axisTick: { show: false },
          axisLabel: { show: i === last, color: soft, formatter: axis, hideOverlap: true },
        })),
        yAxis: this.lines.map((one, i) => ({
          type: "value",
          gridIndex: i,
          scale: true,
          ...(one.limits?.length && {
            min: ({ min }) => this.low(Math.min(min, ...one.limits)),
            max: ({ max }) => this.high(Math.max(max, ...one.limits)),
          }),
          ...(one.yes ? { min: 0, max: 1, interval: 1 } : { splitNumber: 3 }),
          axisLabel: { color: soft, formatter: (v) => (one.yes ? (v ? one.yes : one.no) : numbers.format(v)) },
          splitLine: { lineStyle: { color: line } },
        })),
        tooltip: {
          trigger: "axis",
          renderMode: "richText",
          confine: true,
          backgroundColor: surface,
          borderColor: line,
          textStyle: { color: ink, fontSize: 12 },
          formatter: (found) =>
            [
              exact.format(found[0].value[0]),
              ...found.map(({ seriesIndex, value }) => {
                const one = this.lines[seriesIndex];
                const said = value[1] === null ? "–" : one.yes ? (value[1] ? one.yes : one.no) : numbers.format(value[1]);
                return `${one.title}: ${said} ${one.unit}`.trim();
              }),
            ].join("\n"),
        },
        series: this.lines.map((one, i) => ({
          type: "line",
          xAxisIndex: i,
          yAxisIndex: i,
          data: one.points,
          connectNulls: false,
          step: one.yes ? "end" : false,
          symbol: "circle",
          symbolSize: 5,
          showSymbol: one.points.length < 80,
          sampling: one.yes ? undefined : "lttb",
          lineStyle: { width: 1.6 },
          itemStyle: { color: colours[i % colours.length] },
          markLine: one.limits?.length && {
            silent: true,
            symbol: "none",
            lineStyle: { color: colours[3], type: "dashed", width: 1.5 },
            label: { show: false },
            data: one.limits.map((yAxis) => ({ yAxis })),
          },
          markArea: one.shades?.length && {
            silent: true,
            itemStyle: { color: colours[3], opacity: 0.13 },
            data: one.shades.map(([from, to]) => [{ xAxis: from }, { xAxis: to }]),
          },
        })),
      };
    },
  },
};
