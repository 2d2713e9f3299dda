"use strict";
const search = document.getElementById("search");
const hits = document.getElementById("hits");
const items = [...document.querySelectorAll(".item")];
const texts = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const item of items) {
    const hit = words.every((word) => texts.get(item).includes(word));
    item.hidden = !hit;
    found += hit && words.length > 0;
  }
  hits.textContent = words.length ? String(found) : "";
}

function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.closest("details");
  if (!details) return;
  details.open = true;
  details.hidden = false;
  details.scrollIntoView();
}

search.addEventListener("input", show);
addEventListener("hashchange", open);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && document.activeElement === search) {
    search.value = "";
    show();
  }
});
open();
