"""The style of the status page, and the policy that lets the page use nothing else."""

from base64 import b64encode
from hashlib import sha256
from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --sheet: #ffffff; --text: #1b2430; --faint: #5c6775;
  --line: #e1e5ea; --track: #e8ebef; --bar: #7b9cc7;
  --good: #1a7f4b; --wait: #8a6100; --busy: #1f63c1; --bad: #b3261e; --other: #6a4fb3;
  --good-ground: #e3f4ea; --wait-ground: #fbf1d9; --busy-ground: #e3edfb;
  --bad-ground: #fbe7e5; --other-ground: #eee9f9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161b; --sheet: #1a2027; --text: #e4e8ed; --faint: #97a2af;
    --line: #2b333d; --track: #2a323c; --bar: #587ba8;
    --good: #6fd19c; --wait: #e3bd6a; --busy: #84b4f5; --bad: #f3938b; --other: #baa6f0;
    --good-ground: #17352a; --wait-ground: #3a301a; --busy-ground: #1b2f4b;
    --bad-ground: #43211f; --other-ground: #2d2546;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
section { margin-top: 1.25rem; }
.sheet {
  background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1rem 1.25rem;
}
.place, .faint { color: var(--faint); }
.place { margin-left: auto; }
.chip {
  display: inline-block; border-radius: 1rem; padding: .05rem .65rem; font-size: .85rem;
  font-weight: 600; white-space: nowrap;
}
.good { color: var(--good); background: var(--good-ground); }
.wait { color: var(--wait); background: var(--wait-ground); }
.busy { color: var(--busy); background: var(--busy-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.other { color: var(--other); background: var(--other-ground); }
dl.sums { display: flex; flex-wrap: wrap; gap: .75rem 2.5rem; margin: 0; }
dl.sums div { min-width: 5rem; }
dt { color: var(--faint); font-size: .85rem; }
dd { margin: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 1.2rem; }
li, .what { overflow-wrap: anywhere; }
li + li { margin-top: .35rem; }
.table { padding: .25rem 0; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th.version { width: 11.5rem; }
th.status { width: 7.5rem; }
th.time { width: 12rem; }
th.took { width: 16rem; }
.files th.version { width: 20rem; }
th, td { padding: .45rem .75rem; text-align: left; vertical-align: top; }
th:first-child, td:first-child { padding-left: 1.25rem; }
th:last-child, td:last-child { padding-right: 1.25rem; }
th { color: var(--faint); font-weight: 500; font-size: .85rem; white-space: nowrap; }
td { border-top: 1px solid var(--line); }
td.version { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  font-size: .9rem; overflow-wrap: anywhere; }
td.name { overflow-wrap: anywhere; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.took div { display: flex; align-items: center; gap: .6rem; }
.took svg { flex: 1; min-width: 0; width: 100%; height: .5rem; border-radius: .25rem; }
.took span { min-width: 4.2rem; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.track { fill: var(--track); }
.bar { fill: var(--bar); }
.bar.now { fill: var(--busy); }
.lock svg { display: block; width: 100%; height: .6rem; border-radius: .3rem;
  margin-top: .6rem; }
.lock p, .note p { margin: .25rem 0 0; }
footer { margin-top: 1.25rem; font-size: .85rem; color: var(--faint); }
@media (max-width: 56rem) {
  th.took { width: 7rem; }
  .took svg { display: none; }
  .took span { text-align: left; }
}
@media (max-width: 44rem) {
  th.time, td.time { display: none; }
  th.version, .files th.version { width: 31%; }
  th.status { width: 6rem; }
  th.took { width: 5.2rem; }
  th, td { padding: .4rem .4rem; }
  td.version { font-size: .8rem; }
  .chip { padding: .05rem .5rem; font-size: .8rem; }
  .place { margin-left: 0; width: 100%; }
}
"""

_DIGEST: Final = b64encode(sha256(STYLE.encode()).digest()).decode()

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""``Content-Security-Policy``: this one style, no script, nothing from anywhere."""
