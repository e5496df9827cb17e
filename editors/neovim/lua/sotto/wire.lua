--- What comes over the wire, as Lua has it.
local M = {}

--- A decoded JSON value in which null is nil: Neovim's client leaves `vim.NIL` in, which is true and has
--- no fields.
---@param value any
---@return any
function M.without_nulls(value)
  if value == vim.NIL then
    return nil
  elseif type(value) ~= 'table' then
    return value
  end
  local result = {}
  for key, part in pairs(value) do
    result[key] = M.without_nulls(part)
  end
  return result
end

return M
