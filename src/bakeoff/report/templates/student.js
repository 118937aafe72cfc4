// Student's t: its two-sided tail and its quantile, for any degrees of freedom, to about twelve digits.
const student = (() => {
  const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];

  const logGamma = (x) => {
    if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
    const from = x - 1, t = from + 7.5;
    const sum = LANCZOS.reduce((total, part, at) => total + (at ? part / (from + at) : part), 0);
    return 0.5 * Math.log(2 * Math.PI) + (from + 0.5) * Math.log(t) - t + Math.log(sum);
  };

  // The continued fraction of the incomplete beta function, by Lentz's method.
  const fraction = (x, a, b) => {
    const safe = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
    let c = 1, d = 1 / safe(1 - (a + b) * x / (a + 1)), found = d;
    for (let m = 1; m < 10000; m += 1) {
      for (const step of [m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))]) {
        d = 1 / safe(1 + step * d);
        c = safe(1 + step / c);
        found *= c * d;
      }
      if (Math.abs(c * d - 1) < 1e-15) break;
    }
    return found;
  };

  // Regularised incomplete beta function; `rest` is 1 - x, given apart so that no digit of it is lost.
  const beta = (x, rest, a, b) => {
    if (x <= 0) return 0;
    if (rest <= 0) return 1;
    const scale = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(rest));
    return x < (a + 1) / (a + b + 2) ? scale * fraction(x, a, b) / a : 1 - scale * fraction(rest, b, a) / b;
  };

  // Probability of a value at least so far from 0, on either side.
  const tails = (t, df) => beta(df / (df + t * t), t * t / (df + t * t), df / 2, 0.5);

  const known = new Map();
  // The value that is passed on either side together with probability 1 - level.
  const quantile = (level, df) => {
    const key = level + " " + df;
    if (!known.has(key)) {
      let low = 0, high = 1;
      while (tails(high, df) > 1 - level) high *= 2;
      for (let turn = 0; turn < 200; turn += 1) {
        const middle = (low + high) / 2;
        if (middle === low || middle === high) break;
        if (tails(middle, df) > 1 - level) low = middle;
        else high = middle;
      }
      if (known.size > 5000) known.clear();
      known.set(key, high);
    }
    return known.get(key);
  };
  return { tails, quantile };
})();
