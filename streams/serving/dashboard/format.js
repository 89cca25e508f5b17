// Figures as people read them.
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const EXACT = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

export const whole = (value) => WHOLE.format(value);
export const short = (value) => SHORT.format(value);
export const exact = (value) => EXACT.format(value);

// A share or a rate, with digits that say something.
export function percent(value) {
  if (value == null || Number.isNaN(value)) return "–";
  const shown = 100 * value;
  const digits = shown === 0 || Math.abs(shown) >= 10 ? 1 : Math.abs(shown) >= 1 ? 2 : 3;
  return `${shown.toFixed(digits)}%`;
}

export const between = (low, high) => `${percent(low)} to ${percent(high)}`;

export function ago(seconds) {
  if (seconds == null) return "never";
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString("en-GB");
export const date = (seconds) =>
  new Date(1000 * seconds).toISOString().replace("T", " ").slice(0, 19);

// Wilson's interval of a share with 95% (Wilson 1927): right also near 0 and for few.
export function wilson(hits, of) {
  if (!of) return [0, 1];
  const z = 1.96, p = Math.min(1, hits / of), d = 1 + (z * z) / of;
  const middle = (p + (z * z) / (2 * of)) / d;
  const half = (z / d) * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
