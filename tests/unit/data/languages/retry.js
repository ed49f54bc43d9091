const LIMIT = 5;

class Policy {
  wait(attempt) {
    return 2 ** attempt;
  }
}

module.exports.retry = function (call) {
  return call();
};
