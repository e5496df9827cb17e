--- `:checkhealth sotto`
local M = {}

local health = vim.health

---@return boolean
local function check_editor()
  health.start('Neovim')
  if vim.fn.has('nvim-0.12') == 0 then
    health.error('Neovim 0.12 or newer is needed', 'Update Neovim.')
    return false
  end
  health.ok(('Neovim %s'):format(tostring(vim.version())))
  local problem = require('sotto.builtin').check()
  if problem then
    health.warn(problem, {
      'This Neovim changed inside; update Sotto.',
      'Until then map a key to `vim.lsp.inline_completion.get()`.',
    })
  else
    health.ok('its inline completion can be driven')
  end
  return true
end

local function check_executable()
  health.start('Server')
  local cmd = vim.lsp.config.sotto and vim.lsp.config.sotto.cmd
  if type(cmd) ~= 'table' then
    health.info("`cmd` is a function; the executable is not checked")
    return
  end
  local path = vim.fn.exepath(cmd[1])
  if path == '' then
    health.error(('`%s` is not found'):format(cmd[1]), { require('sotto.server').installation(cmd[1]) })
    return
  end
  local options = { text = true, env = { PYTHONPATH = '' } }
  local started, process = pcall(vim.system, { path, '--version' }, options)
  local result = started and process:wait(20000)
  if not result or result.code ~= 0 then
    local said = result and vim.trim(result.stderr or '') or tostring(process)
    health.error(('`%s --version` failed: %s'):format(path, said), 'Install it anew.')
  else
    health.ok(('`%s`, %s'):format(path, vim.trim(result.stdout)))
  end
end

--- What the model can do besides suggesting, and where suggestions are paused.
---@param status table the answer of `sotto/status`
local function check_abilities(status)
  local model = status.model
  if model and model.supports_chat then
    health.ok(('%s can chat: `:Sotto chat`'):format(model.name))
  elseif model then
    health.info(('%s only completes code; `:Sotto model` chooses one that can chat'):format(model.name))
  end
  local pause = require('sotto.pauses').at(vim.api.nvim_get_current_buf())
  if pause then
    health.warn(('suggestions are paused (%s)'):format(pause), { ('`:Sotto pause %s` goes on.'):format(pause) })
  end
end

local function check_client()
  if not vim.lsp.is_enabled('sotto') then
    health.error('the server is not enabled', "Put `vim.lsp.enable('sotto')` into your init.lua.")
    return
  end
  local server = require('sotto.server')
  local client = server.client()
  if not client then
    health.warn('the server is not running', {
      'Open a file that has a filetype.',
      '`:Sotto restart` starts it again, `:Sotto log` shows its log.',
    })
    return
  end
  local n = vim.tbl_count(client.attached_buffers)
  health.ok(("running, attached to %d buffer%s"):format(n, n == 1 and "" or "s"))
  local status, problem = server.ask('sotto/status')
  if problem then
    health.error(problem, '`:Sotto log` shows the log, `:Sotto restart` starts the server again.')
    return
  end
  local say = status.state == 'ready' and health.ok or health.warn
  say(table.concat(require('sotto.report').status(status), '\n'))
  check_abilities(status)
  M.check_requests(client)
end

--- What became of the last requests in each attached file.
---@param client vim.lsp.Client
function M.check_requests(client)
  health.start('Last suggestions')
  local answer, problem = require('sotto.server').ask('sotto/recentRequests')
  if problem then
    health.error(problem)
    return
  end
  local found = false
  for bufnr in pairs(client.attached_buffers) do
    local uri = vim.uri_from_bufnr(bufnr)
    local lines = require('sotto.report').requests(answer, uri, 5)
    if #lines > 0 then
      found = true
      local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(bufnr), ':~:.')
      health.info(('%s\n%s'):format(name, table.concat(lines, '\n')))
    end
  end
  if not found then
    health.info('none was asked for yet')
  end
end

local function check_keys()
  health.start('Keys')
  if not require('sotto.config').get().keys then
    health.info('none are set (`keys = false`)')
    return
  end
  local client = require('sotto.server').client()
  local bufnr = client and next(client.attached_buffers)
  if not bufnr then
    health.info('they are set once the server is attached to a buffer')
    return
  end
  local conflicts = require('sotto.keys').conflicts(bufnr)
  for _, conflict in ipairs(conflicts) do
    health.warn(('%s for %s is taken by %s'):format(conflict.lhs, conflict.action, conflict.by), {
      ("Choose another: `require('sotto').setup({ keys = { %s = '…' } })`."):format(conflict.action),
    })
  end
  if #conflicts == 0 then
    health.ok('all are Sotto\'s while a suggestion is visible')
  end
end

function M.check()
  if check_editor() then
    check_executable()
    check_client()
    check_keys()
  end
end

return M
