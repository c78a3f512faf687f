/* Draws every figure.chart of the page with uPlot, from the JSON beside it: see chart.py for what that means.

   Charts of one link share cursor and zoom. Drag to zoom, double click or Escape to return, arrow keys to walk along. */
"use strict";

const loadtestsCharts = (() => {
  const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const DASHES = {dashed: [7, 4], dotted: [2, 3]};
  const LONGEST_TABLE = 600;
  const drawn = [];

  const {SAY, clock, digits, quantile} = loadtestsWords;

  // --- colours: custom properties of page.css, resolved for the scheme that is shown ---------------------------------

  const probe = document.createElement("span");
  probe.className = "probe";

  function colour(tone, alpha = 1) {
    probe.style.color = `var(--${tone})`;
    const found = getComputedStyle(probe).color;
    return alpha === 1 ? found : found.replace(/^rgba?\(([^,]+,[^,]+,[^,)]+).*$/, `rgba($1, ${alpha})`);
  }

  // --- axes ----------------------------------------------------------------------------------------------------------

  /* A quantile q is drawn at 1 / (1 - q): on a logarithmic axis every further nine takes as much room. */
  const toAxis = {seconds: x => x, named: x => x, quantile: q => 1 / (1 - q)};
  const fromAxis = {seconds: x => x, named: x => x, quantile: x => 1 - 1 / x};

  function sayX(data, x, span) {
    if (data.axis === "named") return data.names[Math.round(x)] || "";
    return data.axis === "quantile" ? quantile(fromAxis.quantile(x)) : clock(x, span);
  }

  function span(plot) {
    return plot.data[0].length ? plot.data[0][plot.data[0].length - 1] - plot.data[0][0] : 0;
  }

  function xAxis(data) {
    const common = {stroke: () => colour("soft"), grid: {show: false}, ticks: {stroke: () => colour("line"), size: 5}, font: font(), size: 30, gap: 4};
    if (data.axis === "quantile") {
      return {...common,
        filter: (plot, splits) => splits,
        splits: (plot, _, low, high) => [2, 4, 10, 20, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter(x => x >= low * 0.999 && x <= high * 1.001),
        values: (plot, splits) => splits.map(x => quantile(fromAxis.quantile(x)))};
    }
    if (data.axis === "named") {
      return {...common, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], space: 80, values: (plot, splits) => splits.map(x => Number.isInteger(x) ? data.names[x] || "" : "")};
    }
    return {...common, incrs: CLOCK_STEPS, space: 64, values: (plot, splits) => splits.map(x => clock(x, Math.max(span(plot), splits[splits.length - 1])))};
  }

  function yAxis(data, logarithmic) {
    const every = (plot, splits) => splits;
    return {stroke: () => colour("soft"), grid: {stroke: () => colour("line"), width: 1, filter: every}, ticks: {show: false}, font: font(),
      gap: 6, size: 62, space: 34, filter: every, ...(logarithmic ? {splits: (plot, _, low, high) => roundOnes(low, high)} : {}),
      values: (plot, splits) => splits.map(value => value === null ? "" : SAY[data.unit](value))};
  }

  /* The round numbers of a logarithmic axis: fewer of each decade, the more decades there are. */
  function roundOnes(low, high) {
    const decades = Math.log10(high / low), kept = decades < 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : decades < 2.2 ? [1, 2, 5] : [1];
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of kept) found.push(Number((factor * 10 ** power).toPrecision(6)));
    }
    return found.filter(value => value >= low && value <= high);
  }

  function font() {
    return "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  }

  /* All of it, with the length of the last step, unless the reader has zoomed in. */
  function xRange(data) {
    const x = data.x.map(toAxis[data.axis]), first = x[0], last = x[x.length - 1];
    const step = data.axis === "seconds" ? x.length > 1 ? x[1] - first : 1 : data.axis === "named" ? 0.5 : 0;
    return (plot, low, high) => low === first && high === last ? [data.axis === "named" ? first - step : first, last + step] : [low, high];
  }

  /* The values that must be in view beside those of the courses: limits. */
  function limits(data) {
    return [...data.levels.map(mark => mark.at), ...data.points.map(point => point.value)];
  }

  function linear(data) {
    return (plot, low, high) => {
      const least = Math.min(0, low ?? 0), highest = Math.max(high ?? 0, ...limits(data)), most = highest > least ? highest : least + 1;
      return [least, most + (most - least) * 0.06];
    };
  }

  function logarithmic(data) {
    return (plot, low, high) => low > 0 ? [Math.min(low, ...limits(data)) / 1.3, Math.max(high, ...limits(data)) * 1.6] : [0.1, 1];
  }

  // --- drawing -------------------------------------------------------------------------------------------------------

  function shade(data) {
    return plot => {
      const {ctx, bbox} = plot;
      ctx.save();
      ctx.fillStyle = colour("shade");
      for (const [from, to] of data.shaded) {
        const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
        const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
        if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.restore();
    };
  }

  function marks(data) {
    return plot => {
      const {ctx, bbox} = plot, unit = uPlot.pxRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.font = `${11 * unit}px system-ui, sans-serif`;
      ctx.setLineDash([]);
      ctx.textAlign = "left";
      ctx.textBaseline = "alphabetic";
      for (const mark of data.uprights) {
        const x = plot.valToPos(toAxis[data.axis](mark.at), "x", true);
        line(ctx, mark.tone, [x, bbox.top, x, bbox.top + bbox.height], unit);
        label(ctx, mark, x + 5 * unit, bbox.top + 12 * unit, bbox, unit);
      }
      for (const mark of data.levels) {
        const y = plot.valToPos(mark.at, "y", true);
        line(ctx, mark.tone, [bbox.left, y, bbox.left + bbox.width, y], unit);
        const room = y - bbox.top > 16 * unit;  // above the line, or else below it
        label(ctx, mark, bbox.left + 6 * unit, room ? y - 5 * unit : y + 13 * unit, bbox, unit);
      }
      for (const point of data.points) {
        const x = plot.valToPos(toAxis[data.axis](point.x), "x", true), y = plot.valToPos(point.value, "y", true);
        ctx.fillStyle = ctx.strokeStyle = colour(point.tone);
        ctx.beginPath();
        ctx.moveTo(x - 7 * unit, y);
        ctx.lineTo(x + 7 * unit, y);
        ctx.lineWidth = 2.4 * unit;
        ctx.stroke();
        label(ctx, point, x + 10 * unit, y + 4 * unit, bbox, unit);
      }
      ctx.restore();
    };
  }

  function line(ctx, tone, [fromX, fromY, toX, toY], unit) {
    ctx.strokeStyle = colour(tone);
    ctx.lineWidth = 1.4 * unit;
    ctx.setLineDash([6 * unit, 4 * unit]);
    ctx.beginPath();
    ctx.moveTo(fromX, fromY);
    ctx.lineTo(toX, toY);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  function label(ctx, mark, x, y, bbox, unit) {
    const width = ctx.measureText(mark.text).width, right = bbox.left + bbox.width - 4 * unit;
    const from = x + width > right ? Math.max(bbox.left, x - width - 20 * unit) : x;
    ctx.strokeStyle = colour("card");
    ctx.lineWidth = 4 * unit;
    ctx.strokeText(mark.text, from, y);
    ctx.fillStyle = colour(mark.tone);
    ctx.fillText(mark.text, from, y);
  }

  function cells(data) {
    const most = Math.log1p(Math.max(1, ...data.counts.map(column => Math.max(...column))));
    return plot => {
      const {ctx, bbox} = plot;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.fillStyle = colour("heat");
      const tops = data.edges.map(edge => plot.valToPos(edge, "y", true));
      data.counts.forEach((column, i) => {
        const left = plot.valToPos(data.x[i], "x", true), right = plot.valToPos(data.x[i] + data.step, "x", true);
        column.forEach((count, row) => {
          if (!count) return;
          ctx.globalAlpha = 0.1 + 0.9 * Math.log1p(count) / most;
          ctx.fillRect(left, tops[row + 1], Math.max(1, right - left), Math.max(1, tops[row] - tops[row + 1]));
        });
      });
      ctx.restore();
    };
  }

  // --- one chart -----------------------------------------------------------------------------------------------------

  function seriesOf(course, i, one) {
    const {data} = one;
    const area = course.stroke === "area", dots = course.stroke === "dots";
    return {label: course.label, show: !one.hidden.has(i), spanGaps: false, ...(course.bridged ? {gaps: longGaps} : {}), width: dots ? 0 : 1.8,
      stroke: () => colour(course.tone), dash: DASHES[course.stroke],
      fill: area ? () => colour(course.tone, 0.16) : undefined,
      points: {show: dots || data.x.length < 40 ? true : undefined, size: dots ? 5 : 4, fill: () => colour(course.tone)}};
  }

  /* Of a gauge that is looked at once a second, one second without a look is no gap. */
  function longGaps(plot, series, first, last, gaps) {
    const x = plot.data[0], step = x.length > 1 ? plot.valToPos(x[1], "x", true) - plot.valToPos(x[0], "x", true) : 0;
    return gaps.filter(([from, to]) => to - from > 2.5 * step);
  }

  function options(one) {
    const {data} = one, heat = data.kind === "heatmap";
    return {
      width: one.plot.clientWidth, height: 220,
      legend: {show: false}, padding: [8, 14, 0, 0],
      cursor: {y: false, points: {size: 7, width: 1.5, fill: plot => colour("card"), stroke: (plot, i) => heat ? "transparent" : colour(data.courses[i - 1].tone)},
        focus: {prox: -1}, drag: {x: true, y: false, uni: 8},
        ...(data.link ? {sync: {key: data.link, scales: ["x", null]}} : {})},
      scales: {
        x: {time: false, distr: data.axis === "quantile" ? 3 : 1, range: xRange(data)},
        y: heat ? {distr: 3, range: () => [data.edges[0], data.edges[data.edges.length - 1]]}
          : {distr: one.logarithmic ? 3 : 1, range: (one.logarithmic ? logarithmic : linear)(data)}},
      axes: [xAxis(data), yAxis(data, heat || one.logarithmic)],
      series: [{}, ...(heat ? [{show: true, width: 0, points: {show: false}}] : data.courses.map((course, i) => seriesOf(course, i, one)))],
      bands: heat ? [] : data.bands.map(band => ({series: [band.high + 1, band.low + 1], fill: () => colour(band.tone, 0.18)})),
      hooks: {drawClear: [shade(data)], draw: heat ? [cells(data)] : [marks(data)], setCursor: [plot => tell(one, plot)]},
    };
  }

  function values(data) {
    const x = data.x.map(toAxis[data.axis]);
    return data.kind === "heatmap" ? [x, x.map(() => data.edges[0])] : [x, ...data.courses.map(course => course.values)];
  }

  function positive(data) {
    return data.kind === "courses" && data.courses.every(course => course.values.every(value => value === null || value > 0));
  }

  function build(one) {
    if (one.uplot) one.uplot.destroy();
    one.plot.replaceChildren();
    one.uplot = new uPlot(options(one), values(one.data), one.plot);
  }

  /* What the cursor stands on: beside each name of the legend. */
  function tell(one, plot) {
    const {idx, left, top} = plot.cursor, shown = idx !== null && idx !== undefined && left >= 0;
    const {data} = one;
    one.moment.textContent = shown ? sayX(data, plot.data[0][idx], span(plot)) : "";
    if (data.kind === "heatmap") {
      one.cells[0].textContent = shown ? cell(data, idx, top >= 0 ? plot.posToVal(top, "y") : null) : "";
      return;
    }
    one.cells.forEach((place, i) => {
      const value = shown ? data.courses[i].values[idx] : null;
      place.textContent = !shown ? "" : value === null || value === undefined ? "–" : SAY[data.unit](value);
    });
  }

  function cell(data, idx, value) {
    const column = data.counts[idx];
    let row = value === null ? -1 : data.edges.findIndex(edge => edge > value) - 1;
    if (row < 0) row = column.indexOf(Math.max(...column));
    return `${SAY[data.unit](data.edges[row])} to ${SAY[data.unit](data.edges[row + 1])}: ${digits(column[row], 9)} ${data.of}`;
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function swatch(course) {
    return element("span", {class: `swatch ${course.stroke}`, style: `--tone: var(--${course.tone})`, "aria-hidden": "true"});
  }

  function legend(one) {
    const {data, list} = one;
    one.moment = element("span", {class: "moment"});
    one.caption.append(one.moment);
    one.cells = [];
    if (data.kind === "heatmap") {
      one.cells.push(element("span", {class: "value"}));
      list.append(element("li", {}, element("span", {class: "ramp", "aria-hidden": "true"}), `few to many ${data.of}`, one.cells[0]));
    } else {
      data.courses.forEach((course, i) => {
        const value = element("span", {class: "value"});
        const button = element("button", {type: "button", "aria-pressed": "true", title: `Show or hide ${course.label}`}, swatch(course), course.label);
        button.addEventListener("click", () => toggle(one, i, button));
        one.cells.push(value);
        list.append(element("li", {}, button, value));
      });
    }
    if (data.shaded.length) list.append(element("li", {}, element("span", {class: "swatch shaded", "aria-hidden": "true"}), "not judged"));
    if (data.unit === "ms" && positive(data)) one.caption.append(scaleButton(one));
  }

  function toggle(one, i, button) {
    const show = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(show));
    if (show) one.hidden.delete(i);
    else one.hidden.add(i);
    one.uplot.setSeries(i + 1, {show});
  }

  function scaleButton(one) {
    const button = element("button", {type: "button", class: "scale", "aria-pressed": String(one.logarithmic)}, "log scale");
    button.addEventListener("click", () => {
      one.logarithmic = !one.logarithmic;
      button.setAttribute("aria-pressed", String(one.logarithmic));
      build(one);
    });
    return button;
  }

  function walk(one, event) {
    const plot = one.uplot, last = plot.data[0].length - 1, now = plot.cursor.idx;
    const to = {ArrowLeft: Math.max(0, (now ?? last + 1) - 1), ArrowRight: Math.min(last, (now ?? -1) + 1), Home: 0, End: last}[event.key];
    if (event.key === "Escape") reset(one);
    if (to === undefined) return;
    event.preventDefault();
    plot.setCursor({left: plot.valToPos(plot.data[0][to], "x"), top: plot.over.clientHeight / 2}, true, true);
    const parts = one.cells.map((place, i) => one.data.kind === "heatmap" ? place.textContent : `${one.data.courses[i].label} ${place.textContent}`);
    one.live.textContent = `${one.moment.textContent}: ${parts.join(", ")}`;
  }

  function reset(one) {
    for (const other of drawn) {
      if (other.uplot && (other === one || (one.data.link && other.data.link === one.data.link))) other.uplot.setData(other.uplot.data);
    }
  }

  function fillTable(one) {
    const {data} = one, box = one.table.querySelector(".inner");
    if (box.childElementCount) return;
    const heat = data.kind === "heatmap", every = Math.max(1, Math.ceil(data.x.length / LONGEST_TABLE));
    const heads = heat ? [data.title, data.of] : [{seconds: "at", quantile: "quantile", named: "which"}[data.axis], ...data.courses.map(course => course.label)];
    const rows = heat
      ? data.edges.slice(0, -1).map((edge, row) => [`${SAY[data.unit](edge)} to ${SAY[data.unit](data.edges[row + 1])}`, digits(data.counts.reduce((sum, column) => sum + column[row], 0), 12)])
      : data.x.filter((_, i) => i % every === 0).map((x, i) => [sayX(data, toAxis[data.axis](x), data.x[data.x.length - 1] - data.x[0]),
        ...data.courses.map(course => course.values[i * every]).map(value => value === null ? "–" : SAY[data.unit](value))]);
    const cells = (row, tag) => row.map((text, i) => element(i ? tag : "th", i ? {class: "n", ...(tag === "th" ? {scope: "col"} : {})} : {scope: tag === "th" ? "col" : "row"}, text));
    box.append(element("table", {}, element("thead", {}, element("tr", {}, ...cells(heads, "th"))), element("tbody", {}, ...rows.map(row => element("tr", {}, ...cells(row, "td"))))));
  }

  function start(figure) {
    const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const one = {data, plot: figure.querySelector(".plot"), list: figure.querySelector(".legend"), caption: figure.querySelector("figcaption"), live: figure.querySelector("[aria-live]"),
      table: figure.querySelector("details"), logarithmic: Boolean(data.logarithmic) && positive(data), hidden: new Set(), uplot: null};
    legend(one);
    drawn.push(one);
    one.plot.addEventListener("keydown", event => walk(one, event));
    one.table.addEventListener("toggle", () => fillTable(one));
    fit(one);
    new ResizeObserver(() => requestAnimationFrame(() => fit(one))).observe(one.plot);
  }

  function fit(one) {
    const width = one.plot.clientWidth;
    if (!width) return;
    if (!one.uplot) build(one);
    else if (one.uplot.width !== width) one.uplot.setSize({width, height: one.uplot.height});
  }

  return {
    startAll() {
      document.body.append(probe);
      document.querySelectorAll("figure.chart").forEach(start);
    },
    redraw() {
      for (const one of drawn) if (one.uplot) one.uplot.redraw(false, true);
    },
    fitAll() {
      drawn.forEach(fit);
    },
  };
})();
