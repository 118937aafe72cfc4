// What contenders cost under any assumptions: bakeoff.decision.bills and bakeoff.decision.costs, in the page.
const bills = (() => {
  const HOURS_A_MONTH = 730, RETRAINS_PER_MONTH = 0.25;

  // Price of one call to a hosted model; null where none is known.
  const callPrice = (bill, a, cached = true) => {
    if (bill.served && (a.price_in > 0 || a.price_out > 0)) {
      const reduced = a.price_cached === null ? a.price_in : a.price_cached;
      const share = cached ? (a.cached_share === null ? bill.cached_share : a.cached_share) : 0;
      const read = (1 - share) * a.price_in + share * reduced;
      return (bill.call_tokens_in * read + bill.call_tokens_out * a.price_out) / 1e6;
    }
    return bill.call_money > 0 ? bill.call_money : null;
  };

  const instances = (rowSeconds, a) => {
    const busy = (a.volume / (HOURS_A_MONTH * 3600)) * a.peak_factor * rowSeconds;
    return Number.isNaN(busy) ? busy : Math.max(Math.ceil(busy - 1e-9), 1);
  };

  const hoursOf = (arm, a) => {
    if (arm === "both") {
      return [a.finetune_hours + a.prompt_hours, Math.max(a.finetune_upkeep_hours, a.prompt_upkeep_hours)];
    }
    return arm === "prompt" ? [a.prompt_hours, a.prompt_upkeep_hours] : [a.finetune_hours, a.finetune_upkeep_hours];
  };

  const retraining = (bill, building, a) => {
    if (bill.arm === "prompt") return 0;
    const label = a.label_cost + a.label_hours * a.hour_cost;
    const people = a.retrain_hours * a.hour_cost + a.retrain_labels * label;
    const often = a.retrains_per_month === null ? RETRAINS_PER_MONTH : a.retrains_per_month;
    return often === 0 ? 0 : often * (building + people);
  };

  // Money once, a month, and for one prediction, wrong answers left out.
  const spending = (bill, a, cached = true) => {
    if (bill.arm === "current") {
      return { once: 0, aMonth: a.current_upkeep_hours * a.hour_cost, prediction: a.current_cost };
    }
    const second = a.machine_hour_cost / 3600, call = callPrice(bill, a, cached);
    const building = bill.build_seconds * second + bill.build_calls * (call === null ? 0 : call);
    const [hours, upkeep] = hoursOf(bill.arm, a);
    let hosting = 0, prediction = call === null ? bill.row_seconds * second : call;
    if (call === null && a.host_hour_cost > 0) {
      hosting = instances(bill.row_seconds, a) * HOURS_A_MONTH * a.host_hour_cost;
      prediction = 0;
    }
    const checked = bill.served ? a.revalidation_hours * a.hour_cost / a.retirement_months : 0;
    return {
      once: building + hours * a.hour_cost,
      aMonth: hosting + retraining(bill, building, a) + upkeep * a.hour_cost + checked,
      prediction,
    };
  };

  const monthly = (spent, a) => spent.once / a.horizon_months + spent.aMonth + spent.prediction * a.volume;

  // Predictions from which a dearer build pays; infinite for never.
  const paidBack = (dear, light, volume) => {
    const kept = dear.aMonth - light.aMonth, once = dear.once - light.once;
    const extra = kept === 0 ? 0 : volume > 0 ? kept / volume : Math.sign(kept) * Infinity;
    const saved = light.prediction - (dear.prediction + extra);
    if (once <= 0 && saved >= 0) return 0;
    return saved > 0 ? once / saved : Infinity;
  };

  // Where the dearer to set up of two sides ({name, once, aMonth, prediction}) pays; null where a cost is not known.
  const breakEven = (a, b, assumed) => {
    const later = (side) => side.aMonth + side.prediction * assumed.volume;
    if ([a, b].some((side) => Number.isNaN(side.once + side.aMonth + side.prediction))) return null;
    const order = (one, two) =>
      two.once - one.once || later(one) - later(two) || (one.name < two.name ? -1 : 1);
    const [dear, light] = [a, b].sort(order);
    const predictions = paidBack(dear, light, assumed.volume);
    const once = dear.once - light.once, kept = dear.aMonth - light.aMonth;
    const apart = light.prediction - dear.prediction;
    const needed = apart === 0 ? NaN : (once / assumed.horizon_months + kept) / apart;
    const perMonth = needed >= 0 ? needed : NaN;
    if (predictions === Infinity) return { status: "never", dear, light, predictions: null, months: null, perMonth };
    const saved = later(light) - later(dear);
    if (once <= 0) return { status: "at-once", dear, light, predictions, months: 0, perMonth: 0 };
    return { status: "at", dear, light, predictions, months: saved > 0 ? once / saved : null, perMonth };
  };
  return { spending, monthly, breakEven, HOURS_A_MONTH, RETRAINS_PER_MONTH };
})();
