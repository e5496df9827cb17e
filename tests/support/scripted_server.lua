-- A language server inside Neovim that answers inline completion when a test says so, and what it says:
-- to make answers come late, out of order or wrong, which the real server does only by chance.
--
-- scripted.cmd goes to `vim.lsp.config`; scripted.asked holds the requests, scripted.cursors the places
-- that the server was told of, oldest first.
local scripted = { asked = {}, cursors = {}, encoding = _G.scripted_encoding or 'utf-8' }
_G.scripted = scripted

function scripted.cmd(dispatchers)
  local closing = false
  local next_id = 0
  local server = {}
  function server.request(method, params, callback, on_reply)
    next_id = next_id + 1
    local id = next_id
    local function answer(err, result)
      if on_reply then
        on_reply(id)
      end
      callback(err, result, id)
    end
    if method == 'initialize' then
      answer(nil, {
        capabilities = {
          positionEncoding = scripted.encoding,
          textDocumentSync = 1,
          inlineCompletionProvider = true,
        },
      })
    elseif method == 'textDocument/inlineCompletion' then
      table.insert(scripted.asked, { params = params, answer = answer })
    else
      answer(nil, vim.NIL)
    end
    return true, id
  end
  function server.is_closing()
    return closing
  end
  function server.terminate()
    closing = true
    dispatchers.on_exit(0, 0)
  end
  function server.notify(method, params)
    if method == 'sotto/didMoveCursor' then
      table.insert(scripted.cursors, params.position)
    end
    if method == 'exit' then
      server.terminate()
    end
    return true
  end
  return server
end

--- Answer the request with this number (1 is the first, -1 the latest) with texts to insert at its cursor.
function scripted.insert(number, texts)
  local request = scripted.asked[number < 0 and #scripted.asked + 1 + number or number]
  local position = request.params.position
  local items = vim.tbl_map(function(text)
    return { insertText = text, range = { start = position, ['end'] = position } }
  end, texts)
  request.answer(nil, { items = items })
end

--- Answer it with anything.
function scripted.answer(number, err, result)
  local request = scripted.asked[number < 0 and #scripted.asked + 1 + number or number]
  request.answer(err ~= vim.NIL and err or nil, result)
end
