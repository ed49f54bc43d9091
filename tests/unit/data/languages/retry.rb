require "time"

# How often.
class Policy
  def wait(attempt)
    2**attempt
  end
end
