--- What the server suggested, kept in step with the text; when to ask for more.
---
--- Neovim's built-in client shows the ghost text. It would ask 200 ms after the last key, show whatever
--- comes whenever it comes, and insert over a range that typing has made stale. Here the server is asked
--- sooner, an answer is shown only if it still continues the text at the cursor, and what is shown is
--- shortened with every key that follows it, or hidden at the first that does not.
local M = {}

local builtin = require('sotto.builtin')
local config = require('sotto.config')
local offers = require('sotto.offers')
local wire = require('sotto.wire')

local method = 'textDocument/inlineCompletion'
local automatic = vim.lsp.protocol.InlineCompletionTriggerKind.Automatic
local invoked = vim.lsp.protocol.InlineCompletionTriggerKind.Invoked

---@class sotto.Buffer
---@field client vim.lsp.Client
---@field offer? sotto.Offer
---@field asked integer number of the latest request; answers to older ones are dropped
---@field timer? uv.uv_timer_t
---@field seen? string the text's state and the cursor at the last event

---@type table<integer, sotto.Buffer>
local buffers = {}

---@return boolean
local function inserting()
  return vim.startswith(vim.api.nvim_get_mode().mode, 'i')
end

--- Show an offer at the cursor, or clear what is shown.
---@param bufnr integer
---@param offer? sotto.Offer
local function show(bufnr, offer)
  local buffer = buffers[bufnr]
  buffer.offer = offer
  local items = offer and offers.items(offer, buffer.client.offset_encoding) or {}
  builtin.show(buffer.client, bufnr, items)
end

--- The buffer's offer as it stands at the cursor, its first candidate the one that is selected.
---@param bufnr integer
---@return sotto.Offer?
local function current(bufnr)
  local buffer = buffers[bufnr]
  local offer = buffer and buffer.offer
  if not offer or not inserting() or bufnr ~= vim.api.nvim_get_current_buf() then
    return nil
  end
  local selected = builtin.selected(buffer.client, bufnr)
  if not selected then
    return nil
  end
  -- Cycling changed the selection; turning the list round keeps the order of the cycle.
  local candidates = vim.list_slice(offer.candidates)
  for _ = 2, #candidates do
    if candidates[1].text == selected then
      break
    end
    candidates[#candidates + 1] = table.remove(candidates, 1)
  end
  return offers.remainder({ place = offer.place, candidates = candidates, kind = offer.kind }, offers.here())
end

--- The suggestion that is visible at the cursor and fits the text.
---@param bufnr integer
---@return sotto.Candidate?
function M.visible(bufnr)
  local offer = current(bufnr)
  return offer and offer.candidates[1]
end

--- Bring what is shown in step with the text, after the cursor or the text changed.
---@param bufnr integer
local function refresh(bufnr)
  local offer = buffers[bufnr].offer
  if offer then
    show(bufnr, current(bufnr))
  end
end

---@param bufnr integer
---@param kind lsp.InlineCompletionTriggerKind
---@param on_shown? fun()
local function ask(bufnr, kind, on_shown)
  local buffer = buffers[bufnr]
  local elsewhere = not inserting() or bufnr ~= vim.api.nvim_get_current_buf()
  local paused = kind == automatic and vim.b[bufnr].sotto_paused
  if not buffer or elsewhere or paused or not builtin.is_active(buffer.client, bufnr) then
    return
  end
  local client = buffer.client
  local place = offers.here()
  buffer.asked = buffer.asked + 1
  local number = buffer.asked
  local asked_ns = vim.uv.hrtime()
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  client:request(method, params, function(err, result)
    local latest = buffers[bufnr] == buffer and buffer.asked == number
    if not latest or not inserting() or bufnr ~= vim.api.nvim_get_current_buf() then
      return
    end
    local answer = not err and wire.without_nulls(result) or {}
    local items = answer.items or answer
    local candidates = offers.candidates(items, place, client.offset_encoding)
    show(bufnr, offers.remainder({ place = place, candidates = candidates, kind = kind }, offers.here()))
    if #candidates > 0 then
      require('sotto.state').answered((vim.uv.hrtime() - asked_ns) / 1e6)
    end
    if on_shown and buffer.offer then
      on_shown()
    end
  end, bufnr)
end

---@param bufnr integer
local function stop_timer(bufnr)
  local timer = buffers[bufnr].timer
  buffers[bufnr].timer = nil
  if timer and not timer:is_closing() then
    timer:close()
  end
end

--- Ask once the keys rest.
---@param bufnr integer
local function ask_soon(bufnr)
  stop_timer(bufnr)
  buffers[bufnr].timer = vim.defer_fn(function()
    ask(bufnr, automatic)
  end, config.get().debounce_ms)
end

--- The state of the text and the cursor, to be compared.
---@param bufnr integer
---@return string
local function now(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  return ('%d %d %d'):format(vim.api.nvim_buf_get_changedtick(bufnr), row, col)
end

--- Show this instead of the offer: what is left of a candidate after a part of it was inserted.
---@param bufnr integer
---@param candidate sotto.Candidate
function M.continue(bufnr, candidate)
  show(bufnr, { place = offers.here(), candidates = { candidate }, kind = automatic })
end

--- Tell the server that a candidate was accepted, if it wants to know.
---@param bufnr integer
---@param candidate sotto.Candidate
function M.accepted(bufnr, candidate)
  if candidate.command then
    buffers[bufnr].client:exec_cmd(candidate.command, { bufnr = bufnr })
  end
end

---@param bufnr integer
function M.dismiss(bufnr)
  local buffer = buffers[bufnr]
  if buffer then
    stop_timer(bufnr)
    buffer.offer = nil
    buffer.asked = buffer.asked + 1
    builtin.abort(bufnr)
  end
end

--- Ask now, for several candidates.
function M.trigger()
  ask(vim.api.nvim_get_current_buf(), invoked)
end

--- Show another candidate. Typing brings only one, so the first time the rest is asked for.
---@param step integer 1 is the next, -1 the one before
function M.cycle(step)
  local bufnr = vim.api.nvim_get_current_buf()
  local offer = current(bufnr)
  if not offer then
    return
  end
  local function select()
    vim.lsp.inline_completion.select({ bufnr = bufnr, count = step })
  end
  if #offer.candidates == 1 and offer.kind == automatic then
    ask(bufnr, invoked, select)
  else
    select()
  end
end

---@type table<vim.lsp.Client, true>
local silenced = setmetatable({}, { __mode = 'k' })

--- Leave the asking to this file: the built-in's own requests, 200 ms later, would say the same again.
---@param client vim.lsp.Client
local function silence_builtin(client)
  if silenced[client] then
    return
  end
  silenced[client] = true
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  client.request = function(self, ...)
    local requested, _, handler, bufnr = ...
    if builtin.is_own_request(requested, handler) and buffers[bufnr] then
      return true
    end
    return request(self, ...)
  end
end

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  local problem = builtin.check()
  if problem then
    local advice = 'Its own ghost text stays; map a key to vim.lsp.inline_completion.get().'
    local message = ('Sotto does not know this Neovim: %s. %s'):format(problem, advice)
    vim.notify_once(message, vim.log.levels.WARN)
  end
  builtin.enable(client, bufnr)
  if problem then
    return
  end
  silence_builtin(client)
  buffers[bufnr] = { client = client, asked = 0 }

  -- The built-in's autocommands were made before these, so these have the last word.
  local group = vim.api.nvim_create_augroup('sotto.suggestions:' .. bufnr, {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = bufnr, callback = callback })
  end
  on('InsertEnter', function()
    buffers[bufnr].seen = now(bufnr)
    ask_soon(bufnr)
  end)
  on({ 'CursorMovedI', 'TextChangedP' }, function()
    -- Mappings cause the event too; after `next` or `dismiss` nothing has changed.
    if buffers[bufnr].seen ~= now(bufnr) then
      buffers[bufnr].seen = now(bufnr)
      refresh(bufnr)
      ask_soon(bufnr)
    end
  end)
  on({ 'InsertLeave', 'BufLeave' }, function()
    M.dismiss(bufnr)
  end)
  on('LspDetach', function(event)
    if event.data.client_id == client.id then
      stop_timer(bufnr)
      builtin.disable(client, bufnr)
      buffers[bufnr] = nil
      vim.api.nvim_del_augroup_by_id(group)
    end
  end)
end

return M
