--- `:Sotto` and its parts.
local M = {}

local server = require('sotto.server')

--- How a part was called.
---@class sotto.Call
---@field rest string what stands behind its name
---@field range? { [1]: integer, [2]: integer } the lines that were named, 1-based

---@class sotto.Part
---@field run fun(call: sotto.Call)
---@field takes? string[]|true what may follow: one of these words, or any text

---@param lines string[]
local function say(lines)
  vim.api.nvim_echo({ { table.concat(lines, '\n') } }, true, {})
end

---@param problem string
local function complain(problem)
  vim.notify('Sotto: ' .. problem, vim.log.levels.WARN)
end

--- The server of this buffer; where there is none, that is said.
---@return vim.lsp.Client?
local function client_here()
  local bufnr = vim.api.nvim_get_current_buf()
  local problem = server.absence(bufnr)
  if problem then
    complain(problem)
    return nil
  end
  return server.client(bufnr)
end

local function status()
  local answer, problem = server.ask('sotto/status')
  if problem then
    return complain(problem)
  end
  say(require('sotto.report').status(answer))
end

local function why()
  if not client_here() then
    return
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local pause = require('sotto.pauses').at(bufnr)
  if pause then
    complain(('suggestions are paused; `:Sotto pause %s` goes on'):format(pause))
  end
  local answer, problem = server.ask('sotto/recentRequests')
  if problem then
    return complain(problem)
  end
  local report, uri = require('sotto.report'), vim.uri_from_bufnr(bufnr)
  local lines = report.requests(answer, uri, 10)
  lines[#lines + 1] = #lines == 0 and 'Nothing has been asked for in this file yet.' or report.advice(answer, uri)
  say(lines)
end

---@param call sotto.Call
local function chat(call)
  if call.rest == 'new' then
    require('sotto.chat').new()
  elseif call.rest == 'tools' then
    require('sotto.chat').toggle_tools()
  else
    require('sotto.chat').open(call.range)
  end
end

---@param call sotto.Call
local function ask(call)
  if call.rest ~= '' then
    return require('sotto.chat').ask_now(call.rest, call.range)
  end
  vim.ui.input({ prompt = 'Ask: ' }, function(content)
    if content and vim.trim(content) ~= '' then
      require('sotto.chat').ask_now(vim.trim(content), call.range)
    end
  end)
end

---@param call sotto.Call
local function explain(call)
  local client = client_here()
  if client then
    require('sotto.actions').explain(client, call.range)
  end
end

---@param call sotto.Call
local function fix(call)
  local client = client_here()
  local problem = client and require('sotto.actions').fix(client, call.range)
  if problem then
    complain(problem)
  end
end

---@param call sotto.Call
local function model(call)
  if call.rest ~= '' then
    require('sotto.models').use(call.rest)
  else
    require('sotto.models').choose()
  end
end

---@param call sotto.Call
local function pause(call)
  local scope = call.rest == '' and 'buffer' or call.rest
  local paused = require('sotto.pauses').toggle(scope, vim.api.nvim_get_current_buf())
  local where = { buffer = 'in this buffer', language = 'in this language', everywhere = 'everywhere' }
  say({ ('Suggestions are %s %s.'):format(paused and 'paused' or 'no longer paused', where[scope]) })
end

---@type table<string, sotto.Part>
local parts = {
  status = { run = status },
  why = { run = why },
  chat = { run = chat, takes = { 'new', 'tools' } },
  chats = {
    run = function(call)
      require('sotto.history')[call.rest == 'delete' and 'delete' or 'open']()
    end,
    takes = { 'delete' },
  },
  ask = { run = ask, takes = true },
  explain = { run = explain },
  fix = { run = fix },
  model = { run = model, takes = true },
  pause = { run = pause, takes = { 'buffer', 'language', 'everywhere' } },
  log = {
    run = function()
      vim.cmd.split(vim.fn.fnameescape(vim.lsp.log.get_filename()))
      vim.cmd('normal! G')
    end,
  },
  restart = {
    run = function()
      server.restart()
    end,
  },
  cancel = {
    run = function()
      if require('sotto.actions').cancel() == 0 then
        complain('no code action runs')
      end
    end,
  },
}

-- The rest is for those who map their own keys: `<Cmd>Sotto accept<CR>`.
for _, name in ipairs({ 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'trigger' }) do
  parts[name] = {
    run = function()
      require('sotto')[name]()
    end,
  }
end

---@return string[]
local function names()
  local known = vim.tbl_keys(parts)
  table.sort(known)
  return known
end

--- Whether a part takes what stands behind it.
---@param part sotto.Part
---@param rest string
---@return boolean
local function takes(part, rest)
  return rest == '' or part.takes == true or vim.list_contains(part.takes or {}, rest)
end

---@param command vim.api.keyset.create_user_command.command_args
function M.run(command)
  local name, rest = command.args:match('^(%S*)%s*(.-)%s*$')
  local part = parts[name == '' and 'status' or name]
  if not part then
    return complain((':Sotto %s is unknown; there is %s'):format(command.args, table.concat(names(), ', ')))
  elseif not takes(part, rest) then
    local words = part.takes and 'it takes ' .. table.concat(part.takes, ', ') or 'it takes nothing'
    return complain((':Sotto %s: what is %q? %s'):format(name, rest, words))
  end
  part.run({ rest = rest, range = command.range > 0 and { command.line1, command.line2 } or nil })
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line:gsub('^.-Sotto%s+', ''), '%s+')
  local known = names()
  if #words > 1 then
    local part = parts[words[1]]
    if words[1] == 'model' then
      return vim.list_extend(require('sotto.models').files(), vim.fn.getcompletion(lead, 'file'))
    end
    known = #words == 2 and part and type(part.takes) == 'table' and part.takes or {}
  end
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, known)
end

return M
