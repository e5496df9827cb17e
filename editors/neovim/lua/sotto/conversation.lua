--- A conversation with the model: what was said, and the question that is being answered. Knows no window.
local M = {}

local wire = require('sotto.wire')

--- Who is told of an answer as it is made.
---@class sotto.Listener
---@field event fun(event: table) a piece of it; `docs/protocol.md` lists the kinds
---@field done fun(answer?: table, problem?: string) once, at the end; neither if the user stopped it

---@class sotto.Turn
---@field client vim.lsp.Client
---@field request integer
---@field token string
---@field question table the message
---@field text string what has come of the answer
---@field listener sotto.Listener

---@class sotto.Conversation
---@field id string under which the server keeps it
---@field messages table[] what was said, as the server wants it with the next question
---@field turn? sotto.Turn the one that is being made
local Conversation = {}
Conversation.__index = Conversation

local prefix = 'sotto-chat-'

---@type table<string, sotto.Conversation>
local by_token = {}
local n_turns = 0

---@param id? string
---@param messages? table[]
---@return sotto.Conversation
function M.new(id, messages)
  local random = vim.uv.random(6):gsub('.', function(character)
    return ('%02x'):format(character:byte())
  end)
  return setmetatable({ id = id or random, messages = messages or {} }, Conversation)
end

--- What other servers and linters say about the open files. Columns are bytes whatever the client speaks:
--- the server looks at lines alone.
---@return table[]
local function diagnostics()
  return vim.tbl_map(function(diagnostic)
    return {
      uri = vim.uri_from_bufnr(diagnostic.bufnr),
      range = {
        start = { line = diagnostic.lnum, character = diagnostic.col },
        ['end'] = { line = diagnostic.end_lnum, character = diagnostic.end_col },
      },
      message = diagnostic.message,
      severity = diagnostic.severity,
      source = diagnostic.source,
    }
  end, vim.diagnostic.get())
end

--- Ask a question. One is answered at a time.
---@param client vim.lsp.Client
---@param bufnr integer the code that is talked about; what was typed in it is sent first
---@param question { content: string, attachments: table[], use_tools: boolean }
---@param listener sotto.Listener
function Conversation:ask(client, bufnr, question, listener)
  assert(not self.turn, 'a question is being answered')
  n_turns = n_turns + 1
  local token = prefix .. n_turns
  local message = { role = 'user', content = question.content, attachments = question.attachments }
  local turn = { client = client, token = token, question = message, text = '', listener = listener }
  self.turn = turn
  by_token[token] = self
  local params = {
    messages = vim.list_extend(vim.list_slice(self.messages), { message }),
    useTools = question.use_tools,
    diagnostics = diagnostics(),
    conversationId = self.id,
    partialResultToken = token,
  }
  ---@diagnostic disable-next-line: param-type-mismatch - the method is the server's own
  local sent, request = client:request('sotto/chat', params, function(problem, answer)
    if self.turn == turn then
      self:_finish(wire.without_nulls(answer), problem and problem.message)
    end
  end, bufnr)
  if not sent then
    self:_finish(nil, 'The server is not running.')
  end
  turn.request = request
end

---@param answer? table
---@param problem? string
function Conversation:_finish(answer, problem)
  local turn = assert(self.turn)
  self.turn = nil
  by_token[turn.token] = nil
  if answer then
    self:_remember(turn.question.content, answer.context, answer.content, answer.steps)
  elseif turn.text ~= '' then
    -- What was read is part of the conversation, whatever ended it.
    self:_remember(turn.question.content, '', turn.text, {})
  end
  turn.listener.done(answer, problem)
end

---@param question string
---@param context string
---@param content string
---@param steps table[]
function Conversation:_remember(question, context, content, steps)
  for _, step in ipairs(steps) do
    -- Without fields a Lua table would go out as a list.
    step.arguments = next(step.arguments) and step.arguments or vim.empty_dict()
  end
  table.insert(self.messages, { role = 'user', content = question, context = context })
  table.insert(self.messages, { role = 'assistant', content = content, steps = steps })
end

--- Stop the model. What has come stays.
---@return boolean whether there was anything to stop
function Conversation:stop()
  local turn = self.turn
  if not turn then
    return false
  end
  turn.client:cancel_request(turn.request)
  self:_finish()
  return true
end

--- Serve `$/progress`.
---@param params { token: string|integer, value: table }
---@return boolean whether it belongs to a conversation
function M.hear(params)
  local conversation = by_token[params.token]
  if not conversation then
    -- Pieces that were under way when an answer was stopped are nobody's.
    return vim.startswith(tostring(params.token), prefix)
  end
  local event = wire.without_nulls(params.value)
  local turn = conversation.turn
  if event.kind == 'text' then
    turn.text = turn.text .. event.text
  elseif event.kind == 'step' then
    turn.text = ''
  end
  turn.listener.event(event)
  return true
end

--- The conversation that the server kept, with its turns for being shown.
---@param id string
---@param turns table[] the answer of `sotto/conversation`
---@return sotto.Conversation
function M.restore(id, turns)
  local conversation = M.new(id)
  for _, turn in ipairs(turns) do
    local answer = turn.answer
    if answer then
      conversation:_remember(turn.question.content, turn.question.context, answer.content, answer.steps)
    end
  end
  return conversation
end

-- A server that ends answers nothing any more.
vim.api.nvim_create_autocmd('LspDetach', {
  group = vim.api.nvim_create_augroup('sotto.conversation', {}),
  callback = function()
    vim.schedule(function()
      for _, conversation in ipairs(vim.tbl_values(by_token)) do
        if conversation.turn.client:is_stopped() then
          conversation:_finish(nil, 'The server ended before it had answered. `:Sotto restart` starts it.')
        end
      end
    end)
  end,
})

return M
