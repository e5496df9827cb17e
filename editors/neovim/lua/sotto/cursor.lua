--- Tells the server where the cursor is, so that it can read the text there before anything is typed.
local M = {}

local QUIET_MS = 100

local group = vim.api.nvim_create_augroup('sotto.cursor', { clear = true })
local timer = assert(vim.uv.new_timer())

---@param client vim.lsp.Client
---@param bufnr integer
local function tell(client, bufnr)
  if client:is_stopped() or vim.api.nvim_get_current_buf() ~= bufnr or not vim.lsp.buf_is_attached(bufnr, client.id) then
    return
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  ---@diagnostic disable-next-line: param-type-mismatch - the method is the server's own
  client:notify('sotto/didMoveCursor', params)
end

--- What is typed the server knows from the changes; this is for all other moves.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  local function later()
    timer:start(QUIET_MS, 0, vim.schedule_wrap(function()
      tell(client, bufnr)
    end))
  end
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  vim.api.nvim_create_autocmd({ 'CursorMoved', 'BufEnter', 'InsertEnter' }, {
    group = group,
    buffer = bufnr,
    callback = later,
  })
  later()
end

return M
