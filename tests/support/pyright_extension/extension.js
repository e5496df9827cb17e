/** Starts pyright for Python. `PYRIGHT` is set where this is bundled: the server's module. */

const { LanguageClient, TransportKind } = require('vscode-languageclient/node');

let client;

exports.activate = () => {
  const server = { module: PYRIGHT, transport: TransportKind.ipc };
  const selector = [{ scheme: 'file', language: 'python' }];
  client = new LanguageClient('pyright', 'Pyright', server, { documentSelector: selector });
  return client.start();
};

exports.deactivate = () => client?.stop();
