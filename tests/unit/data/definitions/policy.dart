import 'dart:async';
/// A policy.
@immutable
abstract class Policy<T> extends Base with Mix implements Runner {
  final int limit;
  const Policy(this.limit, {super.key});
  Policy.named() : limit = 3;
  factory Policy.make() => Impl();
  /// Calls.
  @override
  Future<T> run(T Function() call) async {
    return call();
  }
  int get size => 3;
  set size(int x) {}
  void nothing();
  bool operator ==(Object o) => true;
}
mixin Mix on Base { void m() {} }
extension StrX on String { String twice() => this + this; }
enum Mode { fast, slow; Mode next() => fast; }
typedef Handler = void Function(int);
int top(int x) => x;
void main() { print(1); }
