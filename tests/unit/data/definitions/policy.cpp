#pragma once
#include <string>
#define LIMIT 3

namespace shop::core {
template <typename T, int N = 3>
class Policy final : public Base<T> {
 public:
  explicit Policy(int limit) : limit_(limit) {}
  ~Policy();
  /// Calls.
  template <typename U>
  T run(const std::function<T()>& call, U&& u) const noexcept override { return call(); }
  bool operator==(const Policy& other) const = default;
  operator bool() const { return true; }
  virtual void nothing() = 0;
  struct Nested { int x; void inner() {} };
 private:
  int limit_;
};
template <typename T> Policy<T>::~Policy() { }
template <typename T>
std::string& Policy<T>::name(int x) { static std::string s; return s; }
enum class Mode : int { Fast, Slow };
using Handler = std::function<void(int)>;
inline auto lambda = [](int x) { return x; };
constexpr auto f(int x) -> int { return x; }
template <typename T> concept Runnable = requires(T t) { t.run(); };
}  // namespace shop::core
namespace { void hidden() {} }
extern "C" { int c_call(int x) { return x; } }
FMT_API void exported(int x);
int* ptr(int x) { return &x; }
std::ostream& operator<<(std::ostream& o, const X& x) { return o; }
typedef struct { int a; } Old;
union U { int a; float b; };
