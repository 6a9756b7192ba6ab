"use strict";
/* Tables of rows that can be searched, sorted and saved as CSV. Without this script they are plain tables. */
(() => {
  const plain = (cell) => {
    const key = cell.querySelector(".key");
    const text = cell.textContent;
    return (key ? text.replace(key.textContent, "") : text).replace(/\s+/g, " ").trim();
  };
  const exact = (cell) => {
    const numbers = cell.querySelectorAll(".num[title]");
    return numbers.length === 1 && plain(cell) === numbers[0].textContent.trim() ? numbers[0].title : plain(cell);
  };
  const number = (text) => {
    const bare = text.replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "");
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(bare) ? Number(bare) : null;
  };
  /* A spreadsheet takes a cell that begins so for a formula, whatever it is. */
  const guarded = (text) => number(text) !== null ? text.replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "") : (/^[=+\-@\t\r\u2212]/.test(text) ? "'" + text : text);
  const quoted = (text) => (/[",\n\r;']/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text);

  const make = (name, words, parent) => {
    const made = document.createElement(name);
    made.textContent = words;
    parent.append(made);
    return made;
  };

  const prepare = (table, place) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    /* A row that explains the one before it moves with it. */
    const groups = [];
    for (const row of body.rows) {
      if (row.classList.contains("cause") && groups.length) groups[groups.length - 1].push(row);
      else groups.push([row]);
    }
    const bar = document.createElement("div");
    bar.className = "tools";
    table.before(bar);
    const label = make("label", "Search ", bar);
    const field = make("input", "", label);
    field.type = "search";
    field.autocomplete = "off";
    const save = make("button", "Save as CSV", bar);
    save.type = "button";
    const told = make("span", "", bar);
    told.setAttribute("role", "status");
    const count = () => {
      const shown = groups.filter((group) => !group[0].hidden).length;
      told.textContent = shown + " of " + groups.length + " rows";
    };
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const group of groups) {
        const there = group.some((row) => row.textContent.toLowerCase().includes(wanted));
        for (const row of group) row.hidden = !there;
      }
      count();
    });
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = groups.map((group) => {
          const text = column < group[0].cells.length ? exact(group[0].cells[column]) : "";
          /* "1.2 to 1.3" is sorted by its first number. */
          return { group, text, value: number(text.split(" to ")[0]) };
        });
        const sign = down ? -1 : 1;
        keyed.sort((a, b) => {
          if (a.value !== null && b.value !== null) return sign * (a.value - b.value);
          if ((a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1;
          return sign * a.text.localeCompare(b.text, "en", { numeric: true });
        });
        for (const one of keyed) body.append(...one.group);
        told.textContent = "sorted by " + plain(head) + (down ? ", falling" : ", rising");
      });
    });
    save.addEventListener("click", () => {
      const lines = [heads.map((head) => quoted(guarded(plain(head)))).join(",")];
      for (const row of body.rows) {
        if (row.hidden) continue;
        if (row.classList.contains("cause")) continue;
        lines.push([...row.cells].map((cell) => quoted(guarded(exact(cell)))).join(","));
      }
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
      link.download = (table.dataset.tools || "rows") + (place ? "-" + (place + 1) : "") + ".csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      told.textContent = lines.length - 1 + " rows saved";
    });
    count();
  };
  document.querySelectorAll("table[data-tools]").forEach(prepare);
})();
