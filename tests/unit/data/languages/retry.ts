import { sleep } from "./time";

/** How often. */
export interface Policy {
  limit: number;
}

export const retry = async (call: () => void) => {
  call();
};

export function wait(attempt: number): number {
  return 2 ** attempt;
}
