// The questions and answers of this tab, so that going back does not ask again.

const KEY = "codeintel.history";
const KEPT = 20;

export function all() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
}

/** Returns the stored answer to a question asked with this filter. */
export const find = (question, filter) => all().find((entry) => isSame(entry, { question, filter }));

const isSame = (one, other) => one.question === other.question && JSON.stringify(one.filter) === JSON.stringify(other.filter);

/** Stores an answer; if the browser's storage is full, drops older ones. */
export function keep(entry) {
  const others = all().filter((other) => !isSame(entry, other));
  for (let count = KEPT - 1; count >= 0; count = Math.floor(count / 2) - (count ? 0 : 1)) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify([entry, ...others.slice(0, count)]));
      return;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
    }
  }
}
