import 'dart:async';

/// How often.
class Policy {
  int limit = 5;
}

int retry(int n) {
  return n;
}
