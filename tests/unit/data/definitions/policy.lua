local M = {}
-- A helper.
local function helper(x) return x end
--- Calls.
-- @param x
function M.run(x, ...)
  return helper(x)
end
function M:method(x) end
function M.a.b.c() end
M.assigned = function(x) return x end
local anon = function() end
local t = { field = function(x) return x end, opts = { a = 1 } }
return M
