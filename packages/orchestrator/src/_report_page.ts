/** Style of the report page: light and dark by the reader's system, and on paper. */
export const PAGE_STYLE: string = `
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5b6675; --line: #d8dee6; --paper: #fff; --pass: #0a7a3d; --fail: #c02020; --doubt: #9a6200; --skip: #5b6675; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --dim: #9aa7b8; --line: #333d4b; --paper: #12161c; --pass: #4cc583; --fail: #ff7b72; --doubt: #e3a93a; --skip: #9aa7b8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
p, li { max-width: 60rem; } .dim { color: var(--dim); } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; } th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } th { color: var(--dim); font-weight: 600; } #verdicts td:first-child { min-width: 15rem; } #verdicts td:nth-child(2), #verdicts td:nth-child(3) { min-width: 7rem; } #verdicts td:last-child { min-width: 20rem; overflow-wrap: anywhere; }
.pass, .fail, .inconclusive, .skipped { font-weight: 600; } .pass { color: var(--pass); } .fail { color: var(--fail); } .inconclusive { color: var(--doubt); } .skipped { color: var(--skip); }
figure { margin: 0 0 1.5rem; } figcaption { color: var(--dim); font-size: .88rem; } .chart { width: 100%; min-height: 1px; }
details { font-size: .88rem; } summary { cursor: pointer; color: var(--dim); }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; } .u-legend { font-size: .8rem; color: var(--ink); }
@media print { body { max-width: none; } details { display: none; } figure { break-inside: avoid; } }
`;

/**
 * Draws the charts. Plain JavaScript for any browser of the last years; the tables beside the charts need none of it.
 */
export const PAGE_SCRIPT: string = `
(function () {
  var charts = JSON.parse(document.getElementById('charts').textContent);
  var dark = matchMedia('(prefers-color-scheme: dark)');
  var drawn = [];
  function colors() {
    return dark.matches
      ? ['#6cb6ff', '#f0a35e', '#5fd38d', '#ff7b9c', '#c39bff']
      : ['#1766c2', '#c85a00', '#0a7a3d', '#b3124a', '#6a3fc0'];
  }
  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function lines(chart) {
    return function (u) {
      var ctx = u.ctx, box = u.bbox;
      ctx.save();
      ctx.textAlign = 'left';
      ctx.textBaseline = 'alphabetic';
      ctx.font = (11 * devicePixelRatio) + 'px system-ui, sans-serif';
      ctx.lineWidth = devicePixelRatio;
      function line(x1, y1, x2, y2, dash, color) {
        ctx.strokeStyle = color; ctx.setLineDash(dash.map(function (d) { return d * devicePixelRatio; }));
        ctx.beginPath(); ctx.moveTo(x1, y1); ctx.lineTo(x2, y2); ctx.stroke();
      }
      chart.marks.forEach(function (mark) {
        var x = u.valToPos(mark.x, 'x', true);
        if (!(x >= box.left && x <= box.left + box.width)) return;
        line(x, box.top, x, box.top + box.height, [2, 4], css('--dim'));
        if (chart.marks.length > 6) return;
        ctx.fillStyle = css('--dim'); ctx.fillText(mark.label, x + 4, box.top + 12 * devicePixelRatio);
      });
      chart.limits.forEach(function (limit) {
        var y = u.valToPos(limit.y, 'y', true);
        if (!(y >= box.top && y <= box.top + box.height)) return;
        line(box.left, y, box.left + box.width, y, [6, 4], css('--fail'));
        ctx.fillStyle = css('--fail'); ctx.fillText(limit.label, box.left + 6, y - 4 * devicePixelRatio);
      });
      ctx.restore();
    };
  }
  function draw(chart) {
    var place = document.getElementById('chart-' + chart.id);
    if (!place) return;
    var palette = colors();
    function axis(of, extra) {
      return Object.assign({ label: of.label, stroke: css('--dim'), grid: { stroke: css('--line') }, ticks: { stroke: css('--line') } }, extra || {});
    }
    function positive(u, low, high) { return low > 0 ? uPlot.rangeLog(low, high, 10, false) : [0.001, Math.max(1, high)]; }
    var scales = { x: chart.x.log ? { time: false, distr: 3, range: positive } : { time: false }, y: chart.y.log ? { distr: 3, range: positive } : {} };
    var data = chart.data.map(function (column, i) {
      return i > 0 && chart.y.log ? column.map(function (v) { return v > 0 ? v : null; }) : column;
    });
    var plot = new uPlot({
      width: place.clientWidth || 900, height: 280, scales: scales,
      axes: [axis(chart.x), axis(chart.y, { size: 60 })],
      series: [{ label: chart.x.label }].concat(chart.series.map(function (one, i) {
        var series = { label: one.label, stroke: palette[i % palette.length], width: 1.5, spanGaps: true, points: { show: false } };
        if (chart.kind === 'bars') { series.paths = uPlot.paths.bars({ size: [0.9, 40] }); series.fill = palette[i % palette.length] + '66'; }
        else if (one.step) series.paths = uPlot.paths.stepped({ align: 1 });
        return series;
      })),
      hooks: { draw: [lines(chart)] }
    }, data, place);
    drawn.push({ plot: plot, place: place });
  }
  function drawAll() {
    drawn.forEach(function (one) { one.plot.destroy(); });
    drawn = [];
    charts.forEach(draw);
  }
  drawAll();
  dark.addEventListener('change', drawAll);
  addEventListener('resize', function () {
    drawn.forEach(function (one) { one.plot.setSize({ width: one.place.clientWidth, height: 280 }); });
  });
})();
`;
