'use strict';
const x = require('x');
/** A policy. */
class Policy extends Base {
  #limit = 5;
  static X = 1;
  constructor(limit) { super(); }
  /** Calls. */
  async run(call) { return await call(); }
  get size() { return 1; }
  static *gen() {}
  #hidden() {}
  arrow = (x) => x;
}
function retry(call) { function inner() {} return call(); }
const wait = async (n) => { await n; };
export default function () {}
export default class Foo {}
module.exports = { a() {}, b: function () {}, c: (x) => x };
exports.d = function d2() {};
Policy.prototype.old = function () {};
describe('x', () => { it('y', () => { expect(1); }); });
app.get('/', (req, res) => { res.send(1); });
const reducer = createSlice({ name: 'x', reducers: { add(s) { } } });
export const useX = create(() => ({ a: 1 }));
