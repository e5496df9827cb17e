--- Edits that the model proposed: shown as a diff, made if the user accepts them, and not otherwise.
local M = {}

---@class sotto.Edit
---@field uri string
---@field path string inside its folder
---@field diff string unified
---@field edit? lsp.WorkspaceEdit
---@field refusal? string why there is none

---@param message string
---@param level? integer
local function say(message, level)
  vim.notify('Sotto: ' .. message, level or vim.log.levels.WARN)
end

--- What the texts are that an edit was made for, to see whether they still are. A file that is not open is
--- read now; one that is not there yet has none.
---@param edit lsp.WorkspaceEdit
---@return table<integer, integer>? ticks by buffer; nil if a text has changed since the server saw it
local function texts(edit)
  local ticks = {}
  for _, change in ipairs(edit.documentChanges) do
    local document = change.textDocument
    local name = document and vim.uri_to_fname(document.uri)
    if document and (vim.fn.bufexists(name) == 1 or vim.uv.fs_stat(name)) then
      local bufnr = vim.uri_to_bufnr(document.uri)
      local is_known = vim.api.nvim_buf_is_loaded(bufnr)
      vim.fn.bufload(bufnr)
      if is_known and document.version and vim.lsp.util.buf_versions[bufnr] ~= document.version then
        return nil
      end
      ticks[bufnr] = vim.api.nvim_buf_get_changedtick(bufnr)
    end
  end
  return ticks
end

--- Make a new file, as a buffer that is not written yet. Neovim's own way empties a file that somebody else
--- has made meanwhile.
---@param proposed sotto.Edit
local function create(proposed)
  local path = vim.uri_to_fname(proposed.uri)
  if vim.uv.fs_stat(path) or vim.fn.bufloaded(path) == 1 then
    return say(proposed.path .. ' is there meanwhile; nothing was done. Apply the reply again.')
  end
  vim.fn.mkdir(vim.fs.dirname(path), 'p')
  local bufnr = vim.fn.bufadd(path)
  vim.fn.bufload(bufnr)
  vim.bo[bufnr].buflisted = true
  local text = proposed.edit.documentChanges[2].edits[1].newText:gsub('\n$', '')
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, true, vim.split(text, '\n', { plain = true }))
  say(('%s is a new buffer; `:wall` writes it.'):format(proposed.path), vim.log.levels.INFO)
end

---@param proposed sotto.Edit
---@param ticks table<integer, integer>
---@param encoding lsp.PositionEncodingKind
local function apply(proposed, ticks, encoding)
  if proposed.edit.documentChanges[1].kind == 'create' then
    return create(proposed)
  end
  for bufnr, tick in pairs(ticks) do
    if not vim.api.nvim_buf_is_loaded(bufnr) or vim.api.nvim_buf_get_changedtick(bufnr) ~= tick then
      return say(proposed.path .. ' has changed meanwhile; nothing was done. Apply the reply again.')
    elseif not vim.bo[bufnr].modifiable then
      return say(proposed.path .. ' cannot be changed here (`modifiable` is off); nothing was done.')
    end
  end
  vim.lsp.util.apply_workspace_edit(proposed.edit, encoding)
  say(proposed.path .. ' was changed; `u` takes it back.', vim.log.levels.INFO)
end

---@param lines string[]
---@param title string
---@return integer bufnr, integer window
local function open(lines, title)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, true, lines)
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].filetype = 'diff'
  local longest = 0
  for _, line in ipairs(lines) do
    longest = math.max(longest, vim.fn.strdisplaywidth(line))
  end
  local width = math.max(40, math.min(longest + 2, vim.o.columns - 8))
  local height = math.max(1, math.min(#lines, vim.o.lines - 8))
  local window = vim.api.nvim_open_win(bufnr, true, {
    relative = 'editor',
    width = width,
    height = height,
    row = math.floor((vim.o.lines - height) / 2) - 1,
    col = math.floor((vim.o.columns - width) / 2),
    border = 'rounded',
    style = 'minimal',
    title = (' %s '):format(title),
    footer = ' a accept   q leave it ',
    footer_pos = 'right',
  })
  vim.wo[window].winhighlight = 'NormalFloat:Normal'
  return bufnr, window
end

--- Show the edits one after the other, and make those that are accepted.
---@param edits sotto.Edit[]
---@param encoding lsp.PositionEncodingKind
---@param number? integer which one is next
function M.show(edits, encoding, number)
  number = number or 1
  local proposed = edits[number]
  if not proposed then
    return
  end
  local ticks = proposed.edit and texts(proposed.edit)
  if not ticks then
    say(proposed.refusal or proposed.path .. ' has changed meanwhile; apply the reply again.')
    return M.show(edits, encoding, number + 1)
  end
  local title = #edits > 1 and ('%s (%d of %d)'):format(proposed.path, number, #edits) or proposed.path
  local bufnr, window = open(vim.split((proposed.diff:gsub('\n$', '')), '\n', { plain = true }), title)
  local answered = false
  local function answer(accepted)
    if answered then
      return
    end
    answered = true
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
    if accepted then
      apply(proposed, ticks, encoding)
    end
    M.show(edits, encoding, number + 1)
  end
  for key, accepted in pairs({ a = true, q = false, ['<Esc>'] = false }) do
    vim.keymap.set('n', key, function()
      answer(accepted)
    end, { buffer = bufnr, nowait = true, desc = accepted and 'accept the edit' or 'leave it' })
  end
  -- Closed in another way, it is not accepted.
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = bufnr,
    callback = vim.schedule_wrap(function()
      answer(false)
    end),
  })
end

return M
