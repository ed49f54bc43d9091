// Asks the service at an address by OpenAI's own client, in every way that the test compares, and prints what came as JSON.
import OpenAI from "openai";

const [baseURL, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const asked = { model: "codeintel", messages: [{ role: "user", content: question }] };
const told = {};

const whole = await client.chat.completions.create(asked);
told.content = whole.choices[0].message.content;
told.annotations = whole.choices[0].message.annotations;

told.streamed = "";
for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
  told.streamed += chunk.choices[0].delta.content ?? "";
}

told.response = (await client.responses.create({ model: "codeintel", input: question })).output_text;
told.accumulated = (await client.responses.stream({ model: "codeintel", input: question }).finalResponse()).output_text;
told.embedding = (await client.embeddings.create({ model: "codeintel", input: question })).data[0].embedding;
told.refused = await client.chat.completions.create({ ...asked, n: 2 }).catch(({ status, param, message }) => ({ status, param, message }));

console.log(JSON.stringify(told));
