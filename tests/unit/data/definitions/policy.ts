import x from 'x';
export interface Runner<T> extends A { run(): void; x?: string }
export type Handler = (x: number) => void;
export enum Mode { Fast, Slow }
declare module 'foo' { function bar(): void; }
namespace NS { export const a = 1; export function inNs() {} }
@Injectable()
export abstract class Policy<T> implements Runner<T> {
  private readonly limit = 5;
  constructor(private x: number) { super(); }
  @Input() y: string;
  /** Calls. */
  @HostListener('x')
  public async run<U>(call: () => T, u?: U): Promise<T> { return call(); }
  abstract nothing(): void;
  arrow = (x: number) => x;
}
export function over(a: string): void;
export function over(a: any): void { }
export default function App() { return 1; }
export const wait = async <T,>(n: T): Promise<T> => { return n; };
export const obj = { a() {}, b: () => 1 } as const;
declare const z: number;
declare function q(): void;
