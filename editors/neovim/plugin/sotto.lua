-- Loaded at start-up, so it only says what to load later.
if vim.g.loaded_sotto then
  return
end
vim.g.loaded_sotto = true

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('sotto', {}),
  desc = 'Sotto: ghost text in this buffer',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'sotto' then
      require('sotto').attach(client, event.buf)
    end
  end,
})

vim.api.nvim_create_autocmd('LspProgress', {
  group = 'sotto',
  desc = 'Sotto: code actions that can be cancelled',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'sotto' then
      require('sotto.actions').on_progress(event)
    end
  end,
})

vim.api.nvim_create_autocmd('FileType', {
  group = 'sotto',
  once = true,
  desc = 'Sotto: say if the server is missing',
  callback = vim.schedule_wrap(function()
    if vim.lsp.is_enabled('sotto') and #vim.lsp.get_clients({ name = 'sotto' }) == 0 then
      require('sotto.server').warn_if_missing()
    end
  end),
})

vim.lsp.commands['sotto.rewrite'] = function(command, context)
  require('sotto.actions').rewrite(command, context)
end

vim.api.nvim_create_user_command('Sotto', function(command)
  require('sotto.commands').run(command)
end, {
  nargs = '*',
  range = true,
  desc = 'Sotto: chat, ask, explain, fix, model, pause, why, …',
  complete = function(lead, line)
    return require('sotto.commands').complete(lead, line)
  end,
})
