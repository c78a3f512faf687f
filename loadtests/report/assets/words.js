/* Numbers in words, as report/wording.py says them: three significant digits, and never 100% unless it is that. */
"use strict";

const loadtestsWords = (() => {
  function digits(value, significant = 3) {
    if (value === 0) return "0";
    const decimals = Math.max(0, significant - 1 - Math.floor(Math.log10(Math.abs(value))));
    return value.toLocaleString("en", {maximumFractionDigits: Math.min(decimals, 12)});
  }

  function share(value) {
    for (let decimals = 2; decimals < 12; decimals++) {
      const percent = Number((value * 100).toFixed(decimals));
      if (value === 0 || value >= 1 || (percent !== 0 && percent !== 100)) return percent + "%";
    }
    return value < 0.5 ? ">0%" : "<100%";
  }

  function scaled(value, units) {
    const [least, name] = units.find(([from]) => Math.abs(value) >= from) || units[units.length - 1];
    return digits(value / least) + " " + name;
  }

  function long(seconds) {
    const whole = Math.round(seconds);
    const parts = [[Math.floor(whole / 3600), "h"], [Math.floor(whole / 60) % 60, "min"], [whole % 60, "s"]];
    return parts.filter(([amount]) => amount).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
  }

  const SAY = {
    ms: value => value === 0 ? "0 s" : value >= 12e4 ? long(value / 1e3) : scaled(value, [[1e3, "s"], [1, "ms"], [1e-3, "µs"]]),
    bytes: value => value === 0 ? "0 B" : scaled(value, [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]]),
    per_s: value => digits(value) + "/s",
    ratio: share,
    number: value => digits(value, Math.abs(value) >= 1000 ? 9 : 3),
  };

  function clock(second, span) {
    if (span < 120) return digits(second, 4) + " s";
    const whole = Math.round(second), pad = number => String(number).padStart(2, "0");
    const minutes = Math.floor(whole / 60);
    return span >= 3600 ? `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
  }

  function quantile(q) {
    return "p" + digits(q * 100, 7);
  }

  return {SAY, clock, digits, quantile};
})();
