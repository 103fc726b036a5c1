// The live map: Leaflet with canvas markers, told once a second what changed.
// Positions and states come from the server as indices; text from devices only ever becomes textContent.
import { leaflet as L } from "nicegui-leaflet";

const MOVE_MS = 1000;
const FRAME_MS = 50; // moving markers glide at 20 frames a second, which two weak cores can afford
const GLIDERS = 150; // more than this many at once jump instead
const RADIUS = { 10: 2.5, 11: 3, 12: 3.6, 13: 4.6, 14: 5.6, 15: 7, 16: 8.5, 17: 10 };
const VIEW = "penfeld-map-view";

L.Canvas.include({
  _drawDevice(layer) {
    if (!this._drawing || layer._empty()) return;
    layer.paint(this._ctx);
  },
});

const Device = L.CircleMarker.extend({
  options: { interactive: false, bubblingMouseEvents: false, weight: 6, radius: 5 },
  _updatePath() {
    this._renderer._drawDevice(this);
  },
  paint(ctx) {
    const { health, path, colours, moving } = this.device;
    const size = this.options.radius * (moving ? 1.35 : 1) * (health === "no_data" ? 0.8 : 1);
    const alarm = health === "alarm";
    ctx.save();
    ctx.translate(this._point.x, this._point.y);
    ctx.scale(size, size);
    if (alarm) {
      ctx.globalAlpha = 0.25;
      ctx.fillStyle = colours.alarm;
      ctx.beginPath();
      ctx.arc(0, 0, 2, 0, 7);
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    const hollow = health === "silent" || health === "no_data";
    ctx.lineWidth = (hollow ? 1.6 : 1) / size;
    if (health === "no_data") ctx.setLineDash([2 / size, 2 / size]);
    ctx.fillStyle = hollow ? colours.surface : colours[health];
    ctx.strokeStyle = hollow ? colours[health] : colours.edge;
    ctx.fill(path);
    ctx.stroke(path);
    if (size >= 4 && (alarm || health === "silent")) {
      ctx.setLineDash([]);
      ctx.strokeStyle = alarm ? colours.sign : colours.silent;
      ctx.lineWidth = 0.36;
      ctx.stroke(alarm ? SIGN : CROSSED);
    }
    ctx.restore();
  },
});
const SIGN = new Path2D("M0,-.6V.1M0,.42V.55");
const CROSSED = new Path2D("M-.4,0H.4");

const style = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

function stylesheet(url) {
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url });
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

function textNode(tag, text, css) {
  return Object.assign(document.createElement(tag), { textContent: text, className: css });
}

export default {
  template: '<div class="city-map"></div>',
  props: { resourcePath: String, base: String, center: Array, zoom: Number, tiles: Object, words: Object, types: Object },
  async mounted() {
    await this.$nextTick(); // wait for window.path_prefix to be set
    const prefix = window.path_prefix ?? "";
    const [base] = await Promise.all([
      fetch(prefix + this.base).then((answer) => answer.json()),
      stylesheet(`${prefix}${this.resourcePath}/leaflet/leaflet.css`),
    ]);
    if (!this.$el.isConnected) return;
    this.build(base);
    this.$emit("ready");
  },
  unmounted() {
    this.themes?.disconnect();
    this.resizes?.disconnect();
    this.map?.remove();
  },
  methods: {
    build(base) {
      this.devices = new Map(); // index -> marker
      this.selection = { types: [], states: [], district: "", only: null };
      this.gliding = new Map();
      this.quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const view = JSON.parse(sessionStorage.getItem(VIEW) ?? "null");
      this.map = L.map(this.$el, {
        center: view?.center ?? this.center,
        zoom: view?.zoom ?? (this.$el.clientWidth < 600 ? this.zoom - 1 : this.zoom),
        minZoom: 10,
        maxZoom: 18,
        zoomSnap: 0.5,
        zoomControl: false,
        attributionControl: false,
      });
      L.control.zoom({ zoomInTitle: this.words.zoom_in, zoomOutTitle: this.words.zoom_out }).addTo(this.map);
      L.control.attribution({ prefix: false }).addTo(this.map);
      L.control.scale({ imperial: false, position: "bottomright" }).addTo(this.map);
      this.still = this.pane("still", 420);
      this.moving = this.pane("moving", 430);
      this.readColours();
      this.drawBase(base);
      this.follow();
    },
    pane(name, z) {
      const pane = this.map.createPane(name);
      pane.style.zIndex = z;
      pane.style.pointerEvents = "none"; // one look-up for all panes finds the device under the pointer
      return L.canvas({ pane: name, padding: 0.3 });
    },
    readColours() {
      this.colours ??= {};
      for (const name of ["ok", "alarm", "silent", "no_data", "edge", "sign", "surface"])
        this.colours[name] = style(`--map-${name.replace("_", "-")}`);
    },
    drawBase(base) {
      const attribution = document.createElement("i");
      if (this.tiles) {
        attribution.textContent = this.tiles.attribution; // escaped: Leaflet takes HTML here
        L.tileLayer(this.tiles.url, { attribution: attribution.innerHTML, maxZoom: 19 }).addTo(this.map);
        return;
      }
      attribution.textContent = this.words.sketch;
      this.map.attributionControl.addAttribution(attribution.innerHTML);
      L.geoJSON(base, {
        interactive: false,
        style: (feature) => ({ className: `base base-${feature.properties.kind}` }),
      }).addTo(this.map);
      for (const { properties } of base.features) {
        if (!properties.label) continue;
        const html = textNode("span", properties[document.documentElement.lang] ?? properties.en, "");
        const icon = L.divIcon({ html, className: `base-label base-label-${properties.kind}`, iconSize: [120, 16] });
        L.marker(properties.label, { icon, interactive: false, keyboard: false }).addTo(this.map);
      }
    },
    follow() {
      const { map } = this;
      this.tip = L.tooltip({ direction: "top", offset: [0, -8], opacity: 1 });
      map.on("mousemove", (event) => this.point(event));
      map.on("mouseout", () => this.point(null));
      map.on("click", (event) => {
        const found = this.nearest(event.layerPoint, 14);
        if (found) window.location.href = `${window.path_prefix ?? ""}/devices/${encodeURIComponent(found.device.id)}`;
      });
      map.on("zoomend", () => this.resize());
      map.on("moveend", () => {
        const { lat, lng } = map.getCenter();
        sessionStorage.setItem(VIEW, JSON.stringify({ center: [lat, lng], zoom: map.getZoom() }));
      });
      this.resizes = new ResizeObserver(() => map.invalidateSize({ pan: false }));
      this.resizes.observe(this.$el);
      this.themes = new MutationObserver(() => {
        this.readColours();
        for (const marker of this.devices.values()) marker.redraw();
      });
      this.themes.observe(document.body, { attributeFilter: ["class"] });
      this.$el.city = this; // for tests, and for the curious at the browser's console
    },
    radius() {
      return RADIUS[Math.max(10, Math.min(17, Math.round(this.map.getZoom())))];
    },
    resize() {
      const radius = this.radius();
      for (const marker of this.devices.values()) marker.setRadius(radius);
    },

    // --- what the server says
    load(rows) {
      for (const index of [...this.devices.keys()]) this.take(index);
      this.update({ add: rows });
    },
    update({ add = [], remove = [], states = [], places = [] }) {
      remove.forEach((index) => this.take(index));
      add.forEach((row) => this.put(row));
      for (const [index, health] of states) {
        const marker = this.devices.get(index);
        if (!marker) continue;
        marker.device.health = health;
        this.show(marker);
        marker.redraw();
      }
      this.move(places);
    },
    select(selection) {
      this.selection = { ...selection, only: selection.only && new Set(selection.only) };
      for (const marker of this.devices.values()) this.show(marker);
    },
    position(id) {
      for (const marker of this.devices.values()) {
        if (marker.device.id !== id) continue;
        const { lat, lng } = this.gliding.get(marker)?.to ?? marker.getLatLng();
        return { lat, lng, health: marker.device.health, shown: this.map.hasLayer(marker) };
      }
      return null;
    },

    // --- markers
    put([index, id, name, type, district, health, lat, lng, moving]) {
      this.take(index);
      this.paths ??= {};
      const { path } = this.types[type] ?? this.types[""];
      this.paths[path] ??= new Path2D(path);
      const marker = new Device([lat, lng], { renderer: moving ? this.moving : this.still, radius: this.radius() });
      marker.device = { index, id, name, type, district, health, moving, path: this.paths[path], colours: this.colours };
      this.devices.set(index, marker);
      this.show(marker);
    },
    take(index) {
      const marker = this.devices.get(index);
      if (!marker) return;
      this.gliding.delete(marker);
      marker.remove();
      this.devices.delete(index);
    },
    show(marker) {
      const { types, states, district, only } = this.selection;
      const { device } = marker;
      const wanted =
        (!types.length || types.includes(device.type)) &&
        (!states.length || states.includes(device.health)) &&
        (!district || device.district === district) &&
        (!only || only.has(device.index));
      if (!wanted) marker.remove();
      else if (!this.map.hasLayer(marker)) marker.addTo(this.map);
      if (wanted && device.health === "alarm") marker.bringToFront();
    },
    move(places) {
      const jump = this.quiet || document.hidden || places.length > GLIDERS;
      const now = performance.now();
      for (const [index, lat, lng] of places) {
        const marker = this.devices.get(index);
        if (!marker) continue;
        const to = L.latLng(lat, lng);
        if (jump || !this.map.hasLayer(marker)) marker.setLatLng(to);
        else this.gliding.set(marker, { from: marker.getLatLng(), to, start: now });
      }
      if (this.gliding.size && !this.timer) this.timer = setInterval(() => this.glide(), FRAME_MS);
    },
    glide() {
      const now = performance.now();
      for (const [marker, { from, to, start }] of this.gliding) {
        const part = Math.min(1, (now - start) / MOVE_MS);
        marker.setLatLng([from.lat + (to.lat - from.lat) * part, from.lng + (to.lng - from.lng) * part]);
        if (part === 1) this.gliding.delete(marker);
      }
      if (!this.gliding.size) {
        clearInterval(this.timer);
        this.timer = null;
      }
    },

    // --- the pointer
    nearest(point, reach) {
      let best = null;
      let least = reach * reach;
      for (const marker of this.devices.values()) {
        if (!marker._point || !this.map.hasLayer(marker)) continue;
        const square = (marker._point.x - point.x) ** 2 + (marker._point.y - point.y) ** 2;
        if (square < least) [best, least] = [marker, square];
      }
      return best;
    },
    point(event) {
      const found = event && this.nearest(event.layerPoint, 10);
      this.$el.classList.toggle("pointing", Boolean(found));
      if (!found) {
        this.map.closeTooltip(this.tip);
        return;
      }
      const { name, id, type, health } = found.device;
      const content = document.createElement("div");
      content.append(
        textNode("b", name || id, ""),
        textNode("span", this.types[type]?.title ?? type, "tip-type"),
        textNode("span", this.words[health], `tip-state state-${health.replace("_", "-")}`),
      );
      this.tip.setLatLng(found.getLatLng()).setContent(content);
      this.map.openTooltip(this.tip);
    },
  },
};
