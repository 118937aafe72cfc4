// The rule of choice under any assumptions: bakeoff.decision.choice, on the figures of bakeoff.decision.portable.
const rule = (() => {
  const ALPHA = 0.05, WAYS = ["finetune", "prompt", "both"];
  // What is not in the page, because it was not measured for these assumptions.
  class NotHere extends Error {}
  const number = (value) => (value === null ? NaN : value);

  const pValue = (one) => {
    const error = Math.sqrt(one.rows + one.seeds);
    if (Number.isNaN(one.mean)) return NaN;
    if (error === 0) return one.mean === 0 ? 1 : 0;
    return student.tails(one.mean / error, one.df);
  };
  const interval = (one, level) => {
    const half = student.quantile(level, one.df) * Math.sqrt(one.rows + one.seeds);
    return [one.mean - half, one.mean + half];
  };
  const equalWithin = (one, margin) => {
    const [low, high] = interval(one, 0.9);
    return -margin < low && high < margin;
  };
  const scaled = (one, by) => ({ mean: by * one.mean, rows: by ** 2 * one.rows, seeds: by ** 2 * one.seeds, df: one.df });
  const moved = (one, by) => ({ ...one, mean: one.mean + by });

  const holm = (values) => {
    const known = values.map((p, at) => [p, at]).filter(([p]) => !Number.isNaN(p)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const corrected = [...values];
    let highest = 0;
    known.forEach(([p, at], rank) => {
      highest = Math.max(highest, Math.min(1, (known.length - rank) * p));
      corrected[at] = highest;
    });
    return corrected;
  };

  // Estimate of a cost of answers for one prediction, from its moments; bakeoff.decision.loss_moments.
  const lossAt = (moments, [answer, review], span) => {
    const [m0, m1, ...rest] = moments, [seeds, rows, folds, overlap] = rest.slice(9);
    if (span <= 0) return { mean: answer * m0 + review * m1, rows: 0, seeds: 0, df: 1 };
    const x = answer / span, y = review / span;
    const form = (at) => rest[at] * x * x + 2 * rest[at + 1] * x * y + rest[at + 2] * y * y;
    const ofRows = Math.max(form(0), 1 / rows ** 2), between = form(3), inside = form(6);
    const free = (seeds - 1) * Math.max(folds, 1), widened = folds ? 1 + seeds * overlap : 1;
    const ofSeeds = widened * Math.max(between - (folds ? 0.75 : 1) * inside, 0);
    const doubt = (folds ? widened : 1 + 0.4 / Math.max(free, 1)) * between;
    const found = (ofRows + ofSeeds) ** 2 / (doubt ** 2 / Math.max(free, 1) + ofRows ** 2 / Math.max(rows - 1, 1));
    return scaled({ mean: x * m0 + y * m1, rows: ofRows, seeds: ofSeeds, df: Math.max(found, Math.max(free, 1)) }, span);
  };

  const known = (data) => ({
    ...data,
    cells: data.cells.map((cell) => ({
      ...cell,
      score: number(cell.score),
      bill: Object.fromEntries(Object.entries(cell.bill).map(([name, value]) => [name, number(value)])),
    })),
  });

  // Who meets, and what each pair's estimate is, under one set of assumptions.
  class Meeting {
    constructor(data, assumed) {
      this.data = data;
      this.assumed = assumed;
      this.money = (data.money !== null && data.money.matrix) || assumed.error_cost !== null ? data.money : null;
      this.part = this.money || data.score;
      if (assumed.error_cost !== null && !this.money) throw new NotHere();
      if (!this.part) throw new NotHere();
      this.prices = this.money && this.pricesOf();
      const costs = this.money && this.money.tables.map(([a, b]) => this.prices[0] * a + this.prices[1] * b);
      this.span = costs ? Math.max(...costs) - Math.min(...costs) : 0;
      this.finalists = Object.fromEntries(["finetune", "prompt", "floor", "current", "both"].map((arm) => [arm, this.best(arm)]));
      this.same = this.sameBase();
      this.assumed = { ...assumed, retrains_per_month: this.trainings() };
    }

    pricesOf() {
      const { error_cost: error, review_cost: review, matrix_factor: factor } = this.assumed;
      if (!this.money.matrix) return [error, review === null ? error : review];
      return [factor, this.money.own || review === null ? factor : review];
    }

    isOut(place) {
      const cell = this.data.cells[place], per1k = 1000 * bills.spending(cell.bill, this.assumed).prediction;
      if (cell.missed) return true;
      return !Number.isNaN(per1k) && this.data.limits.some((limit) =>
        limit.sense === ">=" ? per1k < limit.value : limit.sense === "<=" ? per1k > limit.value : per1k !== limit.value);
    }

    // Expected cost of a month by validation answers, as the finalists are chosen.
    validationCost(place, parts) {
      if (parts === null) return Infinity;
      const total = bills.monthly(bills.spending(this.data.cells[place].bill, this.assumed), this.assumed);
      const found = total + this.assumed.volume * (this.prices[0] * parts[0] + this.prices[1] * parts[1]);
      return Number.isNaN(found) ? Infinity : found;
    }

    ranked(entries) {
      const few = (place) => (this.data.cells[place].enough ? 0 : 1);
      return entries
        .map(([place, parts, model]) => ({ place, model, cost: this.validationCost(place, parts) }))
        .sort((a, b) => few(a.place) - few(b.place) || (a.cost === b.cost ? 0 : a.cost - b.cost));
    }

    best(arm) {
      const order = this.money ? this.ranked(this.money.ranks[arm]).map((one) => one.place) : this.part.ranks[arm];
      const left = order.filter((place) => !this.isOut(place));
      const chosen = left.length || !(arm === "finetune" || arm === "prompt") ? left : order;
      return chosen.length ? chosen[0] : null;
    }

    sameBase() {
      if (!this.money || !this.money.same) return this.part.same ? this.part.same.slice(0, 2) : null;
      const { prompted, models } = this.money.same;
      const first = this.ranked(prompted).find((one) => models[one.model]);
      return [models[first.model].tuned, models[first.model].asked].map((side) => this.ranked(side)[0].place);
    }

    // How often the fine-tuned finalist is trained again, where nobody said so: by what it loses on later rows.
    trainings() {
      const { retrains_per_month: set, margin } = this.assumed, tuned = this.finalists.finetune;
      const decay = set === null && tuned !== null ? this.data.cells[tuned].decay : null;
      if (set !== null) return set;
      if (decay === null || !(decay[0] > decay[1] && margin > 0)) return bills.RETRAINS_PER_MONTH;
      return decay[0] > 0 ? Math.min(decay[0] / margin, bills.HOURS_A_MONTH / 24) : 0;
    }

    // Where rows are cross-fitted each fold chooses by the prices: the pairs hold only where all choose as before.
    holdToFolds() {
      if (!this.money || !this.money.folds) return;
      const { chosen, parts } = this.money.folds;
      ["finetune", "prompt", "both", "floor"].forEach((arm) => {
        const own = this.finalists[arm];
        if (own === null) return;
        if (!chosen[own]) throw new NotHere();
        const rivals = this.data.cells.map((cell, place) => place).filter((place) =>
          place !== own && parts[place] && this.data.cells[place].arm === arm && !this.isOut(place));
        const standing = [...(parts[own] ? [own] : []), ...rivals];
        Object.entries(chosen[own]).forEach(([fold, before]) => {
          let now = own, least = NaN;
          standing.forEach((place) => {
            const cost = parts[place][fold] === null ? NaN : this.validationCost(place, parts[place][fold]);
            if (!Number.isNaN(cost) && !(cost >= least)) [now, least] = [place, cost];
          });
          if (now !== before) throw new NotHere();
        });
      });
    }

    // By how much a is better than b: in score, or in money of a month.
    lead(a, b) {
      const found = this.part.pairs[a + " " + b];
      if (this.money) {
        if (!found) throw new NotHere();
        return scaled(this.stake(a, b, found), -1);
      }
      const same = this.part.same;
      const given = found || (same && same[0] === a && same[1] === b ? same[2] : null);
      if (!given) throw new NotHere();
      return { mean: number(given[0]), rows: number(given[1]), seeds: number(given[2]), df: number(given[3]) };
    }

    stake(a, b, moments) {
      const certain = [a, b].map((place) => bills.monthly(bills.spending(this.data.cells[place].bill, this.assumed), this.assumed));
      return moved(scaled(lossAt(moments, this.prices, this.span), this.assumed.volume), certain[0] - certain[1]);
    }

    scoreOf(place) {
      const own = this.part.scores[place];
      return own === undefined ? this.data.cells[place].score : number(own);
    }

    // Estimates by name, in the order in which they are declared, and those that only count in Holm's correction.
    declared() {
      const met = this.finalists, found = {};
      if (met.finetune !== null && met.prompt !== null) found.verdict = this.lead(met.finetune, met.prompt);
      ["floor", "current"].forEach((what) => WAYS.forEach((arm) => {
        const counts = arm !== "both" || this.money || this.enough("both");
        if (met[arm] !== null && met[what] !== null && counts) found[arm + " " + what] = this.lead(met[arm], met[what]);
      }));
      ["finetune", "prompt"].forEach((arm) => {
        if (met.both !== null && met[arm] !== null) found["both " + arm] = this.lead(met.both, met[arm]);
      });
      const apart = this.same && !(this.same[0] === met.finetune && this.same[1] === met.prompt);
      return { found, further: apart ? [pValue(this.lead(...this.same))] : [] };
    }

    enough(arm) {
      return this.finalists[arm] === null || this.data.cells[this.finalists[arm]].enough;
    }

    get margin() {
      return this.money ? this.assumed.margin * this.assumed.volume * this.span : this.assumed.margin;
    }
  }

  // The choice itself; every part has the name that it has in bakeoff.decision.choice.
  class Rule {
    constructor(meeting) {
      this.meeting = meeting;
      meeting.holdToFolds();
      const { found, further } = meeting.declared();
      this.found = found;
      this.further = further;
      this.enoughSeeds = meeting.enough("finetune") && meeting.enough("prompt");
      this.measured = this.sidesOf(["finetune", "prompt"]);
      this.fit = this.measured.filter((side) => !side.out);
      this.both = meeting.enough("both") ? this.sidesOf(["both"])[0] : undefined;
      [this.floor, this.current] = ["floor", "current"].map((arm) =>
        meeting.finalists[arm] === null ? null : meeting.data.cells[meeting.finalists[arm]].name);
      this.fallback = this.current || this.floor;
    }

    sidesOf(arms) {
      const { finalists, data } = this.meeting;
      return arms.filter((arm) => finalists[arm] !== null).map((arm) => {
        const place = finalists[arm];
        return { arm, place, name: data.cells[place].name, score: this.meeting.scoreOf(place), out: this.meeting.isOut(place) };
      });
    }

    corrected(what) {
      const others = Object.keys(this.found).filter((name) => name !== what).map((name) => pValue(this.found[name]));
      return holm([pValue(this.found[what]), ...others, ...this.further])[0];
    }

    beats(what) {
      const lead = this.found[what];
      return lead === undefined || (lead.mean > 0 && pValue(lead) < ALPHA);
    }

    total(side) {
      const a = this.meeting.assumed, spent = bills.spending(this.meeting.data.cells[side.place].bill, a);
      return spent.once + a.horizon_months * (spent.aMonth + spent.prediction * a.volume);
    }

    static highest(sides) {
      return sides.reduce((best, side) => (side.score > best.score ? side : best));
    }

    cheaper(sides) {
      if (sides.length === 1) return sides[0];
      const saved = this.meeting.money && this.found.verdict ? this.found.verdict.mean : NaN;
      if (saved !== 0 && !Number.isNaN(saved)) return sides.find((side) => side.arm === (saved > 0 ? "finetune" : "prompt"));
      const costs = sides.map((side) => this.total(side));
      if (costs[0] === costs[1] || costs.some(Number.isNaN)) return Rule.highest(sides);
      return sides[costs[1] < costs[0] ? 1 : 0];
    }

    known(what) {
      const met = this.fit.map((side) => this.found[side.arm + " " + what]).filter((one) => one !== undefined);
      return !met.length || !met.every((one) => Number.isNaN(one.mean));
    }

    standing() {
      const best = this.meeting.money ? this.cheaper(this.fit) : Rule.highest(this.fit);
      const given = (what, name, choice) =>
        name !== null && !this.fit.some((side) => this.beats(side.arm + " " + what)) && this.known(what)
          ? { choice, contender: name, against: best.name, meanwhile: null, basis: what } : null;
      return given("current", this.current, "keep-current") || given("floor", this.floor, "floor");
    }

    between() {
      const lead = this.found.verdict;
      if (!this.enoughSeeds) return [null, "few-seeds"];
      if (lead === undefined || Number.isNaN(lead.mean)) return [null, "too-close"];
      const arm = (name) => this.fit.find((side) => side.arm === name);
      if (this.corrected("verdict") < ALPHA) return [arm(lead.mean > 0 ? "finetune" : "prompt"), "better"];
      if (equalWithin(lead, this.meeting.margin)) return [this.cheaper(this.fit), "equal-cheaper"];
      return [null, "too-close"];
    }

    static open(meanwhile, basis) {
      return { choice: "unresolved", contender: null, against: null, meanwhile, basis };
    }

    static chosen(side, other, basis) {
      const choice = side.arm === "finetune" ? "fine-tune" : "prompt";
      return { choice, contender: side.name, against: other.name, meanwhile: null, basis };
    }

    way() {
      if (!this.measured.length) return Rule.open(this.fallback, "missing-arm");
      if (!this.fit.length) return Rule.open(this.fallback, "none-left");
      const able = this.fit.filter((side) => this.beats(side.arm + " floor") && this.beats(side.arm + " current"));
      const standing = this.enoughSeeds ? this.standing() : null;
      if (this.measured.length < 2) return Rule.open(able.length ? this.fit[0].name : this.fallback, "missing-arm");
      if (standing) return standing;
      if (this.fit.length < 2) {
        const [side] = this.fit;
        if (!this.enoughSeeds) return Rule.open(side.name, "few-seeds");
        return Rule.chosen(side, this.measured.find((one) => one.arm !== side.arm), "only-one-left");
      }
      let [side, basis] = this.between();
      if (side === null) {
        const own = able.length || !this.fallback;
        return Rule.open(own ? this.cheaper(able.length ? able : this.fit).name : this.fallback, basis);
      }
      if (basis === "equal-cheaper" && able.length && !able.includes(side)) [side] = able;
      return Rule.chosen(side, this.fit.find((one) => one !== side), basis);
    }

    over(side) {
      const lead = this.found["both " + side.arm];
      if (lead === undefined || Number.isNaN(lead.mean)) return "too-close";
      if (this.corrected("both " + side.arm) < ALPHA) return lead.mean > 0 ? "better" : "too-close";
      if (!equalWithin(lead, this.meeting.margin)) return "too-close";
      const cheaper = this.meeting.money ? lead.mean > 0 : this.total(this.both) < this.total(side);
      return cheaper ? "equal-cheaper" : "too-close";
    }

    mixture(way) {
      const { finalists, data } = this.meeting;
      if (!this.both || this.both.out || !this.enoughSeeds || finalists.prompt === null) return null;
      if (finalists.finetune === null && data.n !== 0) return null;
      if (!this.beats("both floor") || !this.beats("both current")) return null;
      const chosen = this.fit.filter((side) => side.name === way.contender);
      const rivals = chosen.length ? chosen : this.fit;
      const grounds = rivals.map((side) => this.over(side));
      if (grounds.includes("too-close")) return null;
      const against = Rule.highest(rivals.length ? rivals : this.measured);
      const basis = !grounds.length ? "only-one-left" : grounds.includes("equal-cheaper") ? "equal-cheaper" : "better";
      return { choice: "both", contender: this.both.name, against: against.name, meanwhile: null, basis };
    }

    choose() {
      const way = this.way();
      return this.mixture(way) || way;
    }
  }

  // What every contender that stands at n is expected to cost a month, the cheapest first.
  const costsOf = (meeting) => {
    const { data, assumed, money } = meeting;
    const found = data.cells.map((cell, place) => ({ cell, place })).filter(({ cell }) => cell.stands).map(({ cell, place }) => {
      const spent = bills.spending(cell.bill, assumed), certain = bills.monthly(spent, assumed);
      const side = { name: cell.name, arm: cell.arm, place, ...spent, answers: null, total: certain, ci: null };
      if (!money) return side;
      const loss = lossAt(money.answers[place], meeting.prices, meeting.span);
      const total = moved(scaled(loss, assumed.volume), certain);
      return { ...side, answers: loss.mean, total: total.mean, ci: interval(total, 0.95) };
    });
    const order = (value) => (Number.isNaN(value) ? Infinity : value);
    return found.sort((a, b) => (order(a.total) === order(b.total) ? (a.name < b.name ? -1 : 1) : order(a.total) - order(b.total)));
  };

  const chosenIn = (meeting) => {
    try {
      const made = new Rule(meeting), verdict = made.found.verdict;
      const lead = verdict && { ...verdict, ci: interval(verdict, 0.95), p: made.corrected("verdict") };
      return { choice: made.choose(), lead };
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      return { choice: null };
    }
  };

  // All that the page shows under one set of assumptions; `choice` is null where the page cannot tell.
  const decideAt = (data, assumed) => {
    const meeting = new Meeting(data, assumed), costs = costsOf(meeting);
    const laden = (one) => one && { ...one, prediction: one.prediction + (one.answers === null ? 0 : one.answers) };
    const pair = ["finetune", "prompt"].map((arm) => laden(costs.find((one) => one.place === meeting.finalists[arm])));
    const both = pair.every(Boolean);
    return {
      ...chosenIn(meeting), costs, priced: Boolean(meeting.money), margin: meeting.margin, assumed: meeting.assumed,
      sides: both ? pair : null, breakEven: both ? bills.breakEven(...pair, meeting.assumed) : null,
    };
  };
  return { decideAt, known };
})();
