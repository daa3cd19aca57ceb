// What a column means, over its header: by mouse and by keyboard; Escape hides it.
const about = document.createElement("div");
Object.assign(about, { id: "about", role: "tooltip", hidden: true });
document.body.append(about);
let header = null;
function tell(of) {
  header = of;
  about.hidden = !header;
  if (!header) return;
  about.textContent = header.dataset.about;
  const { left, bottom } = header.getBoundingClientRect();
  about.style.top = `${bottom + 4}px`;
  about.style.left = `${Math.max(8, Math.min(left, innerWidth - about.offsetWidth - 8))}px`;
  (header.querySelector("[role='button']") ?? header).setAttribute("aria-describedby", "about");
}
for (const each of document.querySelectorAll("th[data-about]"))
  if (!each.querySelector("[tabindex]") && !each.hasAttribute("tabindex")) each.tabIndex = 0;
for (const type of ["mouseover", "focusin"]) document.addEventListener(type, ({ target }) => tell(target.closest?.("th[data-about]")));
for (const type of ["mouseout", "focusout"]) document.addEventListener(type, () => tell(null));
document.addEventListener("scroll", () => tell(header), true);
document.addEventListener("keydown", ({ key }) => key === "Escape" && tell(null));

