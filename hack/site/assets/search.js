// Searches the pages in the browser: their index is one file of the site, which is read when somebody begins to search.
const field = document.getElementById("search");
const results = document.getElementById("results");
let index;

async function readIndex() {
  index ??= fetch(field.dataset.index).then((response) => response.json());
  return index;
}

// rank returns how well a section fits: what is in a title counts most. A section without one of the words has no rank.
function rank(section, words) {
  const title = section.page.toLowerCase(), heading = section.heading.toLowerCase(), text = section.text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const points = (title.includes(word) ? 8 : 0) + (heading.includes(word) ? 4 : 0) + (text.includes(word) ? 1 : 0);
    if (points === 0) return 0;
    sum += points;
  }
  return sum;
}

function show(sections) {
  results.replaceChildren(...sections.map((section) => {
    const link = document.createElement("a");
    link.href = section.address;
    link.textContent = section.heading ? `${section.page}: ${section.heading}` : section.page;
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
  results.hidden = sections.length === 0;
}

async function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return show([]);
  const ranked = (await readIndex()).map((section) => ({ section, rank: rank(section, words) })).filter((found) => found.rank > 0);
  ranked.sort((a, b) => b.rank - a.rank);
  show(ranked.slice(0, 12).map((found) => found.section));
}

field.addEventListener("input", search);
field.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { field.value = ""; show([]); }
});
field.hidden = false;
