// Test rows of the two finalists: filtered, searched, drawn fifty at a time. Every text is set as text, never as markup.
(() => {
  const box = document.getElementById("differing");
  if (!box) return;
  const data = JSON.parse(document.getElementById("differing-rows").textContent);
  const PAGE = 50;
  const body = box.querySelector("tbody");
  const [controls, scroll, pager] = [".controls", ".scroll", ".pager"].map((name) => box.querySelector(name));
  const heads = Array.from(box.querySelectorAll("thead th"), (head) => head.textContent);
  const state = { group: "0", words: [], page: 0 };
  let haystack = null;

  const make = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const valueOf = (code) => (code === -2 ? "not shown" : code < 0 ? "no answer" : data.values[code]);
  const share = (thousandths) => (thousandths >= 1000 ? "1.000" : "." + String(thousandths).padStart(3, "0"));
  const short = (text) => (text.length > 300 ? text.slice(0, 300) + "\u2026" : text);
  const hitOf = (side, row) => data.group[row] === "3" || data.group[row] === (side === 0 ? "1" : "0");

  const sharesOf = (side, row) => {
    const found = [], given = side.shares && side.shares[row];
    for (let at = 0; given && at < given.length; at += 2) found.push([given[at], given[at + 1]]);
    return found;
  };
  const marked = (right, text) => make("span", (right ? "\u2713 " : "\u2717 ") + text, right ? "hit" : "miss");

  // A written text: its score, and the checks that it does not pass whole.
  const scored = (value) => (value === null ? "no score" : data.written + " " + share(value));
  const missedOf = (side, row) => data.checks
    .map((name, at) => [name, side.checked[row][at]])
    .filter(([, value]) => value !== null && value < 1000);
  const writtenCell = (number, row) => {
    const side = data.sides[number], cell = make("td", undefined, "text"), facts = make("span", undefined, "under");
    cell.dataset.head = side.name;
    if (side.answers[row] !== -2) cell.append(short(valueOf(side.answers[row])));
    facts.append(make("b", scored(side.scores[row])));
    missedOf(side, row).forEach(([name, value]) => facts.append(" ", make("span", "\u2717 " + name + " " + share(value), "miss")));
    cell.append(facts);
    return cell;
  };

  const answerCell = (number, row) => {
    if (data.written) return writtenCell(number, row);
    const side = data.sides[number], cell = make("td"), code = side.answers[row];
    const own = sharesOf(side, row).find(([label]) => label === code);
    cell.dataset.head = side.name;
    cell.append(marked(hitOf(number, row), valueOf(code)));
    const facts = [];
    if (own) facts.push(share(own[1]));
    if (side.seeds > 1) facts.push("right in " + side.right[row] + " of " + side.seeds);
    if (facts.length) cell.append(" ", make("span", facts.join(", "), "under"));
    return cell;
  };

  const promptOf = (side, row) => {
    const prompt = side.prompt && data.prompts[side.prompt[row]];
    if (!prompt) return [];
    const fold = (one) => prompt.folded ? one.split(/\s+/).filter(Boolean).join(" ") : one.trim();
    // The texts of a pair come with a blank line between them.
    const whole = data.texts[row], cut = prompt.between === null ? -1 : whole.indexOf("\n\n");
    const text = cut < 0 ? fold(whole) : fold(whole.slice(0, cut)) + prompt.between + fold(whole.slice(cut + 2));
    const shown = make("details");
    shown.append(make("summary", "Prompt to " + side.name));
    prompt.wordings.forEach(([before, after]) => {
      const block = make("pre");
      block.append(before, make("mark", text), after === null ? "" : after);
      shown.append(block);
    });
    const note = make("p", prompt.note, "note");
    note.dataset.from = prompt.source;
    shown.append(note);
    return [shown];
  };

  const sidePart = (number, row) => {
    const side = data.sides[number], part = make("div"), shares = sharesOf(side, row);
    part.append(make("h4", side.name + ", n = " + side.n));
    if (data.written) {
      if (side.answers[row] !== -2) part.append(make("p", valueOf(side.answers[row]), "text"));
      const facts = make("ul", undefined, "checked");
      facts.append(make("li", scored(side.scores[row])));
      data.checks.forEach((name, at) => {
        const value = side.checked[row][at], item = make("li");
        if (value === null) item.append(name + ": not asked of this row");
        else item.append(marked(value === 1000, name + " " + share(value)));
        facts.append(item);
      });
      part.append(facts);
    } else part.append(marked(hitOf(number, row), valueOf(side.answers[row])));
    if (shares.length) {
      const list = make("ul");
      shares.forEach(([label, value]) => list.append(make("li", valueOf(label) + " " + share(value))));
      part.append(list);
    }
    const [reason, raw] = side.written[row] || [];
    if (reason) part.append(make("p", "No answer: " + reason, "note"));
    if (raw) part.append(make("h4", "What it wrote"), make("pre", raw));
    return part;
  };

  const detailsOf = (row) => {
    const line = make("tr", undefined, "more"), cell = make("td");
    cell.colSpan = heads.length;
    if (data.texts) cell.append(make("h4", data.written ? "Source" : "Text"), make("p", data.texts[row], "text"));
    if (data.written && data.texts) {
      [data.truth[row], ...data.references[row]].forEach((code, at) => {
        if (at < 2) cell.append(make("h4", at ? "Further references" : "Reference"));
        cell.append(make("p", valueOf(code), "text"));
      });
    }
    const both = make("div", undefined, "pairs-of");
    both.append(sidePart(0, row), sidePart(1, row));
    cell.append(both, ...data.sides.flatMap((side) => (data.texts ? promptOf(side, row) : [])));
    if (data.others.length) {
      const list = make("ul", undefined, data.written ? "whole" : "");
      data.others.forEach((other) => {
        const item = make("li", other.name + " (n = " + other.n + (data.written ? ", " + scored(other.scores[row]) : "") + ")" + (other.answers[row] === -2 ? "" : ": "));
        if (!data.written) item.append(marked(other.hits[row] === "1", valueOf(other.answers[row])));
        else if (other.answers[row] !== -2) item.append(make("p", valueOf(other.answers[row]), "text"));
        list.append(item);
      });
      cell.append(make("h4", "The other contenders"), list);
    }
    cell.append(make("p", "id " + data.ids[row], "note"));
    line.append(cell);
    return line;
  };

  const lineOf = (row) => {
    const line = make("tr"), first = make("td"), opener = make("button", "row " + data.numbers[row]);
    opener.type = "button";
    opener.title = "id " + data.ids[row];
    opener.setAttribute("aria-expanded", "false");
    opener.addEventListener("click", () => {
      const open = opener.getAttribute("aria-expanded") === "true";
      opener.setAttribute("aria-expanded", String(!open));
      if (open) line.nextSibling.remove();
      else line.after(detailsOf(row));
    });
    first.append(opener);
    const truth = make("td", short(valueOf(data.truth[row])), data.written ? "text" : "");
    truth.dataset.head = heads[1];
    line.append(first, ...(data.written && !data.texts ? [] : [truth]), answerCell(0, row), answerCell(1, row));
    if (data.texts) {
      const source = make("td", short(data.texts[row]), "text");
      if (data.written) source.dataset.head = heads.at(-1);
      line.append(source);
    }
    return line;
  };

  // All that is searched, laid out once: when the search is entered, so that the first key is as quick as the next.
  const prepare = () => {
    haystack ??= data.ids.map((id, at) =>
      [data.texts ? data.texts[at] : "", id, valueOf(data.truth[at]), ...data.sides.map((side) => valueOf(side.answers[at]))]
        .join("\n").toLowerCase());
  };
  const fits = (row) => {
    if (state.group !== "" && data.group[row] !== state.group) return false;
    return state.words.every((word) => haystack[row].includes(word));
  };

  const draw = () => {
    const found = [];
    for (let row = 0; row < data.ids.length; row += 1) if (fits(row)) found.push(row);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const start = state.page * PAGE, shown = found.slice(start, start + PAGE);
    body.replaceChildren(...shown.map(lineOf));
    if (!shown.length) {
      const empty = make("td", "No such row.", "note");
      empty.colSpan = heads.length;
      body.append(make("tr"));
      body.lastChild.append(empty);
    }
    const [back, status, on] = pager.children;
    status.textContent = found.length
      ? (start + 1) + " to " + (start + shown.length) + " of " + found.length + " rows" : "0 rows";
    back.disabled = state.page === 0;
    on.disabled = state.page === pages - 1;
  };

  const buttons = Array.from(controls.querySelectorAll("button"));
  const choose = (button) => {
    buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    state.group = button.dataset.group;
    state.page = 0;
    draw();
  };
  buttons.forEach((button) => button.addEventListener("click", () => choose(button)));
  let waiting = 0;
  controls.querySelector("input").addEventListener("focus", prepare);
  controls.querySelector("input").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      prepare();
      state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      state.page = 0;
      draw();
    }, 120);
  });
  pager.querySelectorAll("button").forEach((button) => button.addEventListener("click", () => {
    state.page += Number(button.dataset.step);
    draw();
  }));
  [controls, scroll, pager].forEach((part) => { part.hidden = false; });
  choose(buttons.find((button) => data.group.includes(button.dataset.group) && button.dataset.group) ?? buttons.at(-1));
})();
