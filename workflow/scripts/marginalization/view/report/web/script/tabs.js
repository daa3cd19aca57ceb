// Tabs: by mouse, arrows, Home and End.
const tabs = [...document.querySelectorAll('[role="tab"]')];
function choose(tab) {
  for (const each of tabs) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
  }
  const panel = tab.getAttribute("aria-controls");
  document.querySelectorAll('[role="tabpanel"]').forEach((each) => (each.hidden = each.id !== panel));
  byId(panel).setAttribute("aria-labelledby", tab.id);
  if (panel === "panel-elements") showKind(tab.id === "tab-annotations" ? "annotation" : "motif");
}
tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", ({ key }) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: -1 }[key];
    if (to === undefined) return;
    choose(tabs.at(to % tabs.length));
    tabs.at(to % tabs.length).focus();
  });
});
choose(tabs[0]);
