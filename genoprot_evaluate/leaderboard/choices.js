const form = document.getElementById("choices");
const boxes = [...form.querySelectorAll("[name=class]")];
const show = () => {
  const view = form.elements.view.value;
  const size = form.elements.size.value;
  const name = form.elements.name.value.trim().toLowerCase();
  const classes = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const wanted = new Set();
  const models = new Set();
  for (const row of document.querySelectorAll("tr[data-model]")) {
    const model = row.dataset.model;
    row.hidden = !(classes.has(row.dataset.class) && (size === "" || row.dataset.size === size)
      && model.toLowerCase().includes(name));
    models.add(model);
    if (!row.hidden) wanted.add(model);
  }
  for (const point of document.querySelectorAll("[data-model].point")) point.toggleAttribute("hidden", !wanted.has(point.dataset.model));
  for (const part of document.querySelectorAll("[data-view]")) part.hidden = part.dataset.view !== view;
  form.querySelector("output").textContent = wanted.size + " of " + models.size + " models";
  const state = new URLSearchParams();
  if (view !== "accuracy") state.set("view", view);
  if (classes.size < boxes.length) state.set("class", [...classes].join(","));
  if (size) state.set("size", size);
  if (name) state.set("name", name);
  const text = state.toString();
  if (location.hash.slice(1) !== text && (text || location.hash.includes("="))) {
    try { history.replaceState(null, "", text ? "#" + text : location.pathname); } catch { /* from disk */ }
  }
};
const restore = () => {
  if (!location.hash.includes("=")) return;
  const state = new URLSearchParams(location.hash.slice(1));
  const view = state.get("view") ?? "accuracy";
  if ([...form.elements.view.options].some((option) => option.value === view)) form.elements.view.value = view;
  form.elements.size.value = state.get("size") ?? "";
  form.elements.name.value = state.get("name") ?? "";
  const classes = state.has("class") ? state.get("class").split(",") : null;
  for (const box of boxes) box.checked = classes === null || classes.includes(box.value);
};
form.hidden = false;
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", () => { restore(); show(); });
restore();
show();
