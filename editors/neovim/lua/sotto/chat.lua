--- The chat: a window for the conversation, one below it for the question, and what is done with answers.
local M = {}

local answers = require('sotto.answers')
local config = require('sotto.config')
local conversations = require('sotto.conversation')
local question = require('sotto.question')
local server = require('sotto.server')
local transcripts = require('sotto.transcript')

---@class sotto.Chat
---@field conversation sotto.Conversation
---@field transcript sotto.Transcript
---@field attachments table[] for the next question
---@field use_tools boolean
---@field code integer the buffer that is talked about
---@field input integer the question's buffer
---@field windows { transcript: integer, input: integer }

---@type sotto.Chat?
local chat

---@param message string
---@param level? integer
local function say(message, level)
  vim.notify('Sotto: ' .. message, level or vim.log.levels.WARN)
end

---@param window integer?
---@return boolean
local function is_open(window)
  return window ~= nil and vim.api.nvim_win_is_valid(window)
end

--- What the question will take along, above it.
local function show_state()
  if not chat or not is_open(chat.windows.input) then
    return
  end
  local parts = { chat.conversation.turn and 'answering, <C-c> stops' or '<CR> sends, <M-CR> new line' }
  for _, attachment in ipairs(chat.attachments) do
    local name = vim.fn.fnamemodify(vim.uri_to_fname(attachment.uri), ':t')
    local lines = attachment.range
    parts[#parts + 1] = ('%s:%d-%d'):format(name, lines.start.line + 1, lines['end'].line)
  end
  if chat.use_tools then
    parts[#parts + 1] = 'with tools'
  end
  vim.wo[chat.windows.input].winbar = ' ' .. table.concat(parts, ' · '):gsub('%%', '%%%%')
end

---@param name string the conversation's id
---@return sotto.Transcript
local function new_transcript(name)
  local transcript = transcripts.new('sotto://chat/' .. name)
  local function map(lhs, action, desc)
    vim.keymap.set('n', lhs, action, { buffer = transcript.bufnr, nowait = true, desc = 'Sotto: ' .. desc })
  end
  map('q', function()
    if not M.stop() then
      M.close()
    end
  end, 'stop the answer, or close the chat')
  map('<C-c>', M.stop, 'stop the answer')
  map('i', M.open, 'write a question')
  map('ga', function()
    answers.apply(transcript, chat.code)
  end, 'apply the code block, or the whole answer')
  map('gy', function()
    answers.copy(transcript)
  end, 'copy the code block')
  map('gp', function()
    answers.insert(transcript, chat.code)
  end, 'insert the code block in the code window')
  return transcript
end

---@param window integer
---@param options table<string, any>
local function style(window, options)
  local plain = { wrap = true, linebreak = true, number = false, relativenumber = false }
  plain = vim.tbl_extend('error', plain, { signcolumn = 'no', foldcolumn = '0', winfixwidth = true })
  for name, value in pairs(vim.tbl_extend('error', plain, options)) do
    vim.wo[window][0][name] = value
  end
end

---@param window integer
local function style_transcript(window)
  local foldtext = "v:lua.require'sotto.transcript'.folded()"
  style(window, { foldmethod = 'manual', foldenable = true, foldtext = foldtext })
  chat.transcript:fold(window)
  vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(chat.transcript.bufnr), 0 })
end

--- Show another conversation in the place of this one.
---@param conversation sotto.Conversation
---@param transcript sotto.Transcript
local function switch(conversation, transcript)
  M.stop()
  local before = assert(chat).transcript
  chat.conversation, chat.transcript = conversation, transcript
  local window = chat.windows.transcript
  if is_open(window) then
    vim.api.nvim_win_set_buf(window, transcript.bufnr)
    style_transcript(window)
  end
  vim.api.nvim_buf_delete(before.bufnr, { force = true })
end

--- Say before anything is asked that this model will not answer.
---@param transcript sotto.Transcript
local function warn_of_model(transcript)
  local client = server.client()
  if not client then
    return
  end
  ---@diagnostic disable-next-line: param-type-mismatch - the method is the server's own
  client:request('sotto/status', vim.empty_dict(), function(_, status)
    local model = status and require('sotto.wire').without_nulls(status).model
    if model and not model.supports_chat and transcript.section == '' then
      local text = '%s only completes code and cannot chat. `:Sotto model` chooses a model that can.'
      transcript:note(text:format(model.name))
    end
  end)
end

--- Whether there is a chat whose buffers the user has not deleted.
---@return boolean
local function is_usable()
  return chat ~= nil
    and vim.api.nvim_buf_is_loaded(chat.input)
    and vim.api.nvim_buf_is_loaded(chat.transcript.bufnr)
end

local function create()
  M.close()
  for _, bufnr in ipairs(chat and { chat.input, chat.transcript.bufnr } or {}) do
    pcall(vim.api.nvim_buf_delete, bufnr, { force = true })
  end
  local conversation = conversations.new()
  chat = {
    conversation = conversation,
    transcript = new_transcript(conversation.id),
    attachments = {},
    use_tools = config.get().chat.tools,
    code = vim.api.nvim_get_current_buf(),
    input = question.new({ send = M.send, stop = M.stop }),
    windows = {},
  }
  local group = vim.api.nvim_create_augroup('sotto.chat', {})
  vim.api.nvim_create_autocmd('BufEnter', {
    group = group,
    callback = function(event)
      if vim.bo[event.buf].buftype == '' and vim.api.nvim_buf_get_name(event.buf) ~= '' then
        chat.code = event.buf
      end
    end,
  })
  vim.api.nvim_create_autocmd('WinClosed', {
    group = group,
    callback = function(event)
      local window, windows = tonumber(event.match), chat.windows
      if window == windows.transcript or window == windows.input then
        vim.schedule_wrap(M.close)(windows)
      end
    end,
  })
  warn_of_model(chat.transcript)
end

--- Open the windows, or go to the one for the question. One pair, in the tab page where it was wanted last.
local function show_windows()
  local windows = assert(chat).windows
  if is_open(windows.input) and vim.api.nvim_win_get_tabpage(windows.input) ~= vim.api.nvim_get_current_tabpage() then
    M.close()
  end
  windows = chat.windows
  if not is_open(windows.input) then
    local bufnr = chat.transcript.bufnr
    local width = math.min(config.get().chat.width, math.floor(vim.o.columns / 2))
    windows.transcript = vim.api.nvim_open_win(bufnr, false, { split = 'right', win = -1, width = width })
    style_transcript(windows.transcript)
    local below = { split = 'below', win = windows.transcript, height = 6 }
    windows.input = vim.api.nvim_open_win(chat.input, false, below)
    style(windows.input, { winfixheight = true, fillchars = 'eob: ' })
  end
  vim.api.nvim_set_current_win(windows.input)
  show_state()
end

--- Open the chat, or go to it.
---@param range? { [1]: integer, [2]: integer } lines to attach, 1-based
function M.open(range)
  local code = vim.api.nvim_get_current_buf()
  if not is_usable() then
    create()
  end
  if range then
    chat.code = code
    table.insert(chat.attachments, {
      kind = 'selection',
      uri = vim.uri_from_bufnr(code),
      range = {
        start = { line = range[1] - 1, character = 0 },
        ['end'] = { line = range[2], character = 0 },
      },
    })
  end
  show_windows()
  vim.cmd.startinsert({ bang = true })
end

--- Close the windows. The conversation goes on.
---@param only? table these alone: others may have been opened since
function M.close(only)
  local windows = chat and chat.windows
  if not windows or only and only ~= windows then
    return
  end
  chat.windows = {}
  for _, window in pairs(windows) do
    -- The last window of all stays.
    if is_open(window) and not pcall(vim.api.nvim_win_close, window, true) then
      vim.cmd.enew()
    end
  end
end

---@param content string
function M.ask(content)
  local conversation, transcript = assert(chat).conversation, chat.transcript
  if not vim.api.nvim_buf_is_valid(chat.code) then
    -- The code was closed; the question's own buffer is no file.
    chat.code = chat.input
  end
  local client = server.client(chat.code)
  if not client then
    question.put_back(chat.input, content)
    return say(assert(server.absence(chat.code)))
  end
  local attachments = vim.list_extend(chat.attachments, question.attachments(content, chat.code))
  chat.attachments = {}
  transcript:question(content)
  transcript:answer()
  local asked = { content = content, attachments = attachments, use_tools = chat.use_tools }
  conversation:ask(client, chat.code, asked, {
    event = function(event)
      transcript:event(event)
    end,
    done = function(answer, problem)
      transcript:finish(answer)
      for _, note in ipairs(answer and answer.notes or {}) do
        transcript:note(note)
      end
      if not answer then
        transcript:note(problem or 'Stopped.')
      end
      if problem then
        question.put_back(chat.input, content)
      end
      show_state()
    end,
  })
  show_state()
end

--- Send what is written.
function M.send()
  if assert(chat).conversation.turn then
    return say('the last question is being answered; <C-c> stops that')
  end
  local content = question.take(chat.input)
  if content ~= '' then
    M.ask(content)
  end
end

--- Open the chat and ask at once.
---@param content string
---@param range? { [1]: integer, [2]: integer }
function M.ask_now(content, range)
  local window = vim.api.nvim_get_current_win()
  M.open(range)
  vim.cmd.stopinsert()
  vim.api.nvim_set_current_win(window)
  if chat.conversation.turn then
    question.put_back(chat.input, content)
    return say('the last question is being answered; this one waits below it')
  end
  M.ask(content)
end

---@return boolean whether there was an answer to stop
function M.stop()
  return chat ~= nil and chat.conversation:stop()
end

local function begin()
  local conversation = conversations.new()
  switch(conversation, new_transcript(conversation.id))
  warn_of_model(chat.transcript)
end

--- Begin another conversation.
function M.new()
  if is_usable() then
    begin()
  end
  M.open()
end

--- Begin another conversation if this one was deleted.
---@param id string
function M.forget(id)
  if is_usable() and chat.conversation.id == id then
    begin()
  end
end

--- Let the model look around in the project and propose edits, or not.
function M.toggle_tools()
  if not chat then
    M.open()
  end
  chat.use_tools = not chat.use_tools
  show_state()
end

--- Show a conversation that was kept.
---@param id string
---@param turns table[]
function M.restore(id, turns)
  if not is_usable() then
    create()
  end
  if chat.conversation.id == id then
    return M.open()
  end
  local transcript = new_transcript(id)
  for _, turn in ipairs(turns) do
    transcript:question(turn.question.content)
    transcript:answer()
    transcript:kept(turn)
  end
  switch(conversations.restore(id, turns), transcript)
  M.open()
end

return M
