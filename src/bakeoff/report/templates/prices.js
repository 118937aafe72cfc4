// The desk of assumptions: decides again as they are turned. Every text is set as text, never as markup.
(() => {
  const box = document.getElementById("prices");
  if (!box) return;
  const { figures, record, command } = JSON.parse(document.getElementById("prices-data").textContent);
  const data = rule.known(figures), studied = figures.assumptions, currency = figures.currency;
  const [desk, scroll] = [box.querySelector(".desk"), box.querySelector(".scroll")];
  const slider = document.getElementById("volume-slider"), outcome = document.getElementById("outcome");
  const part = (name) => outcome.querySelector(name);
  const drawn = part("svg").namespaceURI;
  const inputs = new Map(Array.from(box.querySelectorAll("input[data-name]"), (input) => [input.dataset.name, input]));
  const HEADINGS = {
    "fine-tune": "Fine-tune", prompt: "Prompt", both: "Both", "keep-current": "Keep current", floor: "Floor", unresolved: "Unresolved",
  };
  const ARMS = { "fine-tune": "finetune", prompt: "prompt", both: "both", "keep-current": "current", floor: "floor" };

  const make = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const draw = (tag, attributes, text) => {
    const made = document.createElementNS(drawn, tag);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const digits = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
  const spelled = (value) => {
    if (value === null || !Number.isFinite(value)) return "\u2013";
    const size = Math.abs(value);
    const [scale, word] = size >= 1e12 ? [1e12, " trillion"] : size >= 1e9 ? [1e9, " billion"] : size >= 1e6 ? [1e6, " million"] : [1, ""];
    return digits.format(value / scale).replace("-", "\u2212") + word;
  };
  const money = (value) => (value !== 0 && Math.abs(value) < 0.01 ? "under 0.01" : spelled(value)) + "\u00a0" + currency;
  const points = (value) => (100 * value).toFixed(1).replace("-", "\u2212");

  // The assumptions as they stand in the fields; null where one is not allowed.
  const read = () => {
    const found = { ...studied };
    let wrong = null;
    inputs.forEach((input, name) => {
      const text = input.value.trim(), value = Number(text), open = "open" in input.dataset;
      const low = Number(input.min), high = input.max === "" ? Infinity : Number(input.max);
      const fits = text === "" ? open && !input.validity.badInput : Number.isFinite(value) && value >= low && value <= high;
      input.setAttribute("aria-invalid", String(!fits));
      if (!fits) wrong ??= name;
      found[name] = text === "" ? null : value;
      input.classList.toggle("changed", fits && found[name] !== studied[name]);
    });
    const priced = found.error_cost !== null || (data.money !== null && data.money.matrix);
    if (wrong === null && found.review_cost !== null && !priced) {
      inputs.get("review_cost").setAttribute("aria-invalid", "true");
      return [null, "A cost of abstentions needs a cost of a wrong answer beside it; without one, to be always wrong would be cheapest."];
    }
    if (wrong === null) return [found, ""];
    const input = inputs.get(wrong), limits = "from " + input.min + (input.max === "" ? " on" : " to " + input.max);
    return [null, input.closest("label").firstElementChild.textContent + " must be a number " + limits + "."];
  };

  const WHY = {
    "only-one-left": "The other finalist misses a hard limit.",
    floor: "Neither way is shown to beat the floor.",
    current: "Neither way is shown to beat today\u2019s system.",
    "missing-arm": "One of the two ways has no finished trial.",
    "few-seeds": "The finalists were measured with too few seeds for a verdict.",
    "none-left": "Every finalist misses a hard limit.",
  };
  const leadOf = (result) => {
    const { lead, priced } = result;
    if (!lead) return "";
    const [first, second] = result.sides, ahead = lead.mean >= 0;
    const [a, b] = ahead ? [first, second] : [second, first], ends = ahead ? lead.ci : [-lead.ci[1], -lead.ci[0]];
    const told = priced ? money : points;
    const unit = priced ? " a month less" : " points more";
    const range = "[" + told(ends[0]) + ", " + told(ends[1]) + "]";
    return a.name + (priced ? " costs " : " scores ") + told(Math.abs(lead.mean)) + unit + " than " + b.name + " " + range
      + ", p after Holm " + (lead.p < 0.001 ? "< .001" : lead.p.toFixed(3).replace(/^0/, "")) + ".";
  };
  const why = (result) => {
    const { basis } = result.choice, margin = result.priced ? money(result.margin) + " a month" : points(result.margin) + " points";
    const reasons = {
      better: result.priced ? "It is shown to cost less." : "It is shown to score better.",
      "equal-cheaper": "Both are equal inside the margin of " + margin + ", and this is the cheaper that is shown to beat what stands.",
      "too-close": "Neither is shown to be better, nor are they shown to be equal inside the margin of " + margin + ".",
      ...WHY,
    };
    return reasons[basis] + " " + leadOf(result);
  };

  const evenText = (result) => {
    const found = result.breakEven;
    if (!found) return "No break-even: an arm, or the time of a prediction, is not known.";
    const { status, dear, light } = found, volume = result.assumed.volume;
    if (status === "at-once") return dear.name + " costs no more than " + light.name + ", neither to set up nor later.";
    const extra = dear.name + " costs " + money(dear.once - light.once) + " more to set up than " + light.name;
    if (status === "never") {
      const least = Number.isNaN(found.perMonth) || dear.prediction >= light.prediction ? "" : "; it would from "
        + spelled(found.perMonth) + " a month on";
      return extra + ". At " + spelled(volume) + " predictions a month it never pays" + least + ".";
    }
    const after = found.predictions / volume, told = after < 0.03 ? "under a day" : spelled(after) + " months";
    const months = volume > 0 ? " (" + told + " at this volume)" : "";
    const count = Math.ceil(found.predictions), unit = count === 1 ? " prediction" : " predictions";
    return extra + ", and pays after " + spelled(count) + unit + months + ".";
  };

  const niceSteps = (top, count) => {
    const rough = top / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
    return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, at) => at * step);
  };

  // Cumulative cost of both finalists over predictions, from the first to the end of the horizon or past the crossing.
  const chart = (result) => {
    const figure = part("figure"), volume = result.assumed.volume;
    figure.hidden = !result.sides || !result.breakEven || !(volume > 0);
    if (figure.hidden) return;
    const width = Math.min(Math.max(figure.clientWidth, 260), 700), [height, left, top, right, bottom] = [230, 58, 12, 12, 40];
    const crossing = result.breakEven.status === "at" ? result.breakEven.predictions : 0;
    const horizon = volume * result.assumed.horizon_months, end = crossing > 0 && crossing < 30 * horizon ? Math.max(horizon, 1.5 * crossing) : horizon;
    const cost = (side, predictions) => side.once + (side.aMonth / volume + side.prediction) * predictions;
    const most = Math.max(...result.sides.map((side) => Math.max(cost(side, end), side.once)), 1e-9) * 1.05;
    const x = (value) => left + (value / end) * (width - left - right), y = (value) => height - bottom - (value / most) * (height - top - bottom);
    const svg = draw("svg", { viewBox: "0 0 " + width + " " + height });
    niceSteps(most, 4).forEach((value) => {
      svg.append(draw("path", { class: "tick", d: "M" + left + " " + y(value) + "H" + (width - right) }));
      svg.append(draw("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, spelled(value)));
    });
    niceSteps(end, width < 420 ? 2 : 4).forEach((value) => svg.append(draw("text", { x: x(value), y: height - bottom + 16, "text-anchor": "middle" }, spelled(value))));
    svg.append(draw("path", { class: "axis", d: "M" + left + " " + y(0) + "H" + (width - right) }));
    svg.append(draw("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, "predictions; costs in " + currency));
    result.sides.forEach((side) => svg.append(
      draw("path", { class: "line " + side.arm, d: "M" + x(0) + " " + y(side.once) + "L" + x(end) + " " + y(cost(side, end)) })));
    if (crossing > 0 && crossing <= end) {
      const at = y(cost(result.sides[0], crossing));
      svg.append(draw("path", { class: "crossing", d: "M" + x(crossing) + " " + top + "V" + y(0) }));
      svg.append(draw("circle", { class: "point", cx: x(crossing), cy: at, r: 4 }));
      const late = crossing > end / 2;
      svg.append(draw("text", { x: x(crossing) + (late ? -6 : 6), y: top + 8, "text-anchor": late ? "end" : "start" },
        "break-even " + spelled(Math.ceil(crossing))));
    }
    figure.setAttribute("aria-label", "Cumulative cost over predictions. " + evenText(result));
    const legend = make("ul", undefined, "legend");
    result.sides.forEach((side) => {
      const item = make("li", undefined, side.arm);
      item.append(make("i"), side.name);
      legend.append(item);
    });
    figure.replaceChildren(legend, svg);
  };

  const cell = (value, text) => {
    const made = make("td", text ?? spelled(value), "number");
    made.dataset.value = value === null || Number.isNaN(value) ? "" : String(value);
    return made;
  };
  const table = (result) => {
    const finalists = new Set((result.sides || []).map((side) => side.name));
    scroll.querySelector("tbody").replaceChildren(...result.costs.map((one) => {
      const line = make("tr", undefined, one.arm + (finalists.has(one.name) ? " finalist" : "")), name = make("td");
      name.append(make("span", undefined, "dot"), one.name);
      line.dataset.contender = one.name;
      const range = make("td", one.ci ? spelled(one.ci[0]) + " to " + spelled(one.ci[1]) : "\u2013", "number");
      if (one.ci) range.dataset.value = one.ci.join(" ");
      line.append(name, cell(one.once), cell(one.aMonth), cell(1e6 * one.prediction), cell(one.answers === null ? null : 1e6 * one.answers), cell(one.total), range);
      return line;
    }));
  };

  // What both finalists cost a month, beside each other.
  const totals = (result) => {
    const sides = result.sides || [], line = part(".totals");
    line.replaceChildren(...sides.flatMap((side, at) => {
      const told = make("b", money(side.total) + " a month", side.arm);
      return [at ? " against " : "In all ", told, " with " + side.name + (at ? "." : "")];
    }));
    line.hidden = !sides.length;
  };

  const recordText = (choice) => {
    const same = choice && ["choice", "contender", "meanwhile"].every((name) => choice[name] === record[name]);
    const named = record.contender || (record.meanwhile ? "meanwhile " + record.meanwhile : "");
    return "Verdict of record: " + (HEADINGS[record.choice] || record.choice) + (named ? ", " + named : "")
      + (same ? ". It is the same at these prices." : choice ? ". At these prices it is another." : ".");
  };
  const commandText = (found) => {
    const changed = Array.from(inputs.keys()).filter((name) => found[name] !== studied[name]);
    return command + changed.map((name) => " --assume " + name + "=" + (found[name] === null ? "none" : found[name])).join("");
  };

  const show = () => {
    const [found, fault] = read();
    const heading = part(".heading"), volume = inputs.get("volume");
    box.querySelector("output").textContent = spelled(Number(volume.value));
    slider.setAttribute("aria-valuetext", spelled(Number(volume.value)) + " predictions a month");
    outcome.classList.toggle("stale", found === null);
    if (found === null) {
      part(".why").textContent = fault;
      Object.keys(outcome.dataset).forEach((name) => delete outcome.dataset[name]);
      outcome.dataset.fault = "yes";
      heading.textContent = "Not allowed";
      return;
    }
    const result = rule.decideAt(data, found), choice = result.choice;
    delete outcome.dataset.fault;
    ["choice", "contender", "against", "meanwhile", "basis"].forEach((name) => { outcome.dataset[name] = (choice && choice[name]) ?? ""; });
    const even = result.breakEven;
    outcome.dataset.status = even ? even.status : "never";
    outcome.dataset.predictions = even && even.predictions !== null ? String(even.predictions) : "";
    outcome.className = "panel outcome " + ((choice && ARMS[choice.choice]) || "unresolved");
    if (choice) {
      const rather = choice.contender ? choice.contender + (choice.against ? " rather than " + choice.against : "") : choice.meanwhile ? "Meanwhile, use " + choice.meanwhile : "";
      const told = HEADINGS[choice.choice];
      if (heading.dataset.told !== told + rather) {
        heading.replaceChildren(told, make("small", rather));
        heading.dataset.told = told + rather;
      }
    } else {
      heading.replaceChildren("Not decided here", make("small", "At these prices other contenders would meet, which the page has no figures of."));
      heading.dataset.told = "";
    }
    part(".why").textContent = choice ? why(result) : "The command below decides.";
    part(".break-even").textContent = evenText(result);
    part(".record").textContent = recordText(choice);
    part(".command").textContent = commandText(found);
    inputs.get("retrains_per_month").placeholder = spelled(result.assumed.retrains_per_month);
    totals(result);
    chart(result);
    table(result);
  };

  const toSlider = () => {
    const volume = Number(inputs.get("volume").value);
    slider.value = String(volume > 0 ? Math.log10(volume) : 0);
  };
  const reset = () => {
    inputs.forEach((input, name) => { input.value = studied[name] === null ? "" : String(studied[name]); });
    toSlider();
    show();
  };
  slider.addEventListener("input", () => {
    inputs.get("volume").value = String(Number((10 ** Number(slider.value)).toPrecision(3)));
    show();
  });
  inputs.forEach((input, name) => input.addEventListener("input", () => {
    if (name === "volume") toSlider();
    show();
  }));
  box.querySelector(".again").addEventListener("click", reset);
  [desk, scroll].forEach((shown) => { shown.hidden = false; });
  reset();
  let last = part("figure").clientWidth;
  window.addEventListener("resize", () => {
    if (part("figure").clientWidth !== last) show();
    last = part("figure").clientWidth;
  });
})();
