"""The style sheet of the HTML report: light and dark, screen, phone and paper. No font and no image is fetched."""

CSS = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #1c2128; --soft: #57606a; --line: #d5dae0; --grid: #e8ebef;
  --promote: #0a58ca; --hold: #b04a00; --good: #116329; --warn: #7d5700; --bad: #b3261e; --calm: #4b5563; --bar: #9ec1f2; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1a2028; --ink: #e4e8ed; --soft: #9aa5b1; --line: #333c47;
  --grid: #262e38; --promote: #79b4ff; --hold: #ffa657; --good: #67d184; --warn: #e8b84a; --bad: #ff8a80; --calm: #b4bdc8;
  --bar: #2d5a94; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 18px; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 13px; margin: 0 0 6px; color: var(--soft); font-weight: 600; }
p { margin: 0 0 10px; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px; }
.soft { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin: 20px 0; padding: 0; }
.figures div, .card, .overview { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.figures div { padding: 12px 16px; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font-size: 24px; font-weight: 650; font-variant-numeric: tabular-nums; }
.figures small { display: block; font-size: 13px; font-weight: 400; color: var(--soft); }
.summary { margin: 0 0 20px; padding-left: 20px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 13px; font-weight: 600; padding-bottom: 6px; }
th, td { text-align: left; padding: 8px 12px; vertical-align: top; border-top: 1px solid var(--line); }
.overview { overflow-x: auto; margin-bottom: 28px; }
.overview th, .overview td { font-size: 14px; }
.overview td, .overview thead th { white-space: nowrap; }
.overview tbody th { min-width: 190px; font-weight: 600; overflow-wrap: anywhere; }
.overview thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: 13px; }
.overview small, .facts small { display: block; color: var(--soft); font-weight: 400; font-size: 13px; overflow-wrap: anywhere; }
.overview tbody small { white-space: normal; }
.overview td small { white-space: nowrap; }
.number { text-align: right; }
.badge { display: inline-block; padding: 1px 9px; border: 1px solid currentColor; border-radius: 11px; font-size: 13px; font-weight: 600; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .calm { color: var(--calm); }
.card { padding: 18px 20px; margin-bottom: 18px; break-inside: avoid; }
.head { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; margin-bottom: 2px; }
.models { margin-bottom: 10px; overflow-wrap: anywhere; }
.sentence { font-size: 16px; max-width: 80ch; overflow-wrap: anywhere; }
.pictures, .facts { display: grid; gap: 18px 28px; margin-top: 14px; align-items: start; }
.pictures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); }
.facts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.card td, .card th { padding: 4px 8px 4px 0; font-size: 14px; }
.card th { font-weight: 400; color: var(--soft); }
.card td:last-child { padding-right: 0; }
.card thead th { border-top: 0; font-size: 13px; }
.card thead th:last-child { padding-right: 0; }
.facts-below { display: grid; gap: 16px; }
figure { margin: 0; }
figcaption { font-size: 13px; color: var(--soft); }
svg { display: block; width: 100%; max-width: 540px; height: auto; }
.tick { font-size: 13px; fill: var(--soft); font-family: inherit; paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.tick.promote { fill: var(--promote); } .tick.hold { fill: var(--hold); }
.axis { stroke: var(--soft); } .grid { stroke: var(--grid); }
line.promote, .course.promote { stroke: var(--promote); } line.hold, .course.hold { stroke: var(--hold); }
.needed { stroke-width: 1.5; stroke-dasharray: 5 4; } .needed.hold { stroke-dasharray: 2 3; }
.course { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.interval { fill: var(--bar); } .rate { fill: var(--promote); stroke: var(--card); stroke-width: 2; }
.blockers { border-left: 4px solid var(--warn); padding: 2px 0 2px 14px; margin: 14px 0 0; }
.notes { margin-top: 14px; }
.blockers ul, .notes ul { margin: 0; padding-left: 18px; overflow-wrap: anywhere; }
.how { max-width: 80ch; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--grid); border-radius: 4px;
  padding: 1px 5px; }
@media (max-width: 640px) {
  main { padding: 18px 12px 40px; }
  h1 { font-size: 22px; }
  .figures { grid-template-columns: 1fr 1fr; gap: 8px; }
  .figures div { padding: 10px 12px; } .figures dd { font-size: 20px; }
  .card { padding: 14px; }
  .overview thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .overview table, .overview tbody { display: block; }
  .overview tr { display: grid; grid-template-columns: 1fr 1fr; gap: 6px 12px; padding: 12px; border-top: 1px solid var(--line); }
  .overview tbody tr:first-child { border-top: 0; }
  .overview th, .overview td { display: block; border: 0; padding: 0; text-align: left; }
  .overview tbody th { grid-column: 1 / -1; min-width: 0; }
  .overview td::before { content: attr(data-label); display: block; color: var(--soft); font-size: 12px; }
}
@media print {
  :root { color-scheme: light; --page: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb; --grid: #dddddd;
    --promote: #0a58ca; --hold: #b04a00; --good: #116329; --warn: #7d5700; --bad: #b3261e; --calm: #333333; --bar: #9ec1f2; }
  body { font-size: 9.5pt; } main { max-width: none; padding: 0; } a { text-decoration: none; }
  .figures { grid-template-columns: repeat(4, 1fr); gap: 8px; } .figures div { padding: 8px 10px; } .figures dd { font-size: 15pt; }
  .overview { overflow: visible; } .overview tr { break-inside: avoid; }
  .overview th, .overview td, .overview thead th { font-size: 8pt; padding: 3px 5px; } .overview thead th { white-space: normal; }
  .overview small, .overview td small, .overview .badge { font-size: 7.5pt; } .overview .badge { padding: 0; border: 0; }
  .overview tbody th { min-width: 125px; } .sentence { font-size: 10pt; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
