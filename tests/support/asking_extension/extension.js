/** Says in messages which of Sotto's models there are, and what the first one answers. */

const vscode = require('vscode');

const models = () => vscode.lm.selectChatModels({ vendor: 'sotto' });

const TOOL = { name: 'look', description: 'Look.', inputSchema: { type: 'object', properties: {} } };

async function answer(options) {
  const [model] = await models();
  const question = vscode.LanguageModelChatMessage.User('What is wrong?');
  const response = await model.sendRequest([question], options);
  let text = '';
  for await (const piece of response.text) text += piece;
  return text;
}

exports.activate = (context) => {
  const say = (command, words) =>
    vscode.commands.registerCommand(command, async () => {
      try {
        void vscode.window.showInformationMessage(await words());
      } catch (error) {
        void vscode.window.showErrorMessage(`failed: ${error.message}`);
      }
    });
  const names = async () => `models: ${(await models()).map((model) => model.id).join()}.`;
  context.subscriptions.push(
    say('asking.models', names),
    say('asking.ask', () => answer({})),
    say('asking.offer', () => answer({ tools: [TOOL] })),
    say('asking.require', () => {
      const toolMode = vscode.LanguageModelChatToolMode.Required;
      return answer({ tools: [TOOL], toolMode });
    }),
  );
};
