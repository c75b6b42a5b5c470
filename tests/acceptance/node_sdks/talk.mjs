// The official clients for Node.js call a node: node talk.mjs BASE_URL KEY
// What they understood of each answer is written as one line of JSON.
import { connect } from 'node:net'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { APIError, toFile } from 'openai'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'

const [baseURL, apiKey] = process.argv.slice(2)
const openai = new OpenAI({ baseURL, apiKey, maxRetries: 0 })
const anthropic = new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ''), apiKey, maxRetries: 0 })
const messages = [{ role: 'user', content: 'Say something.' }]
const tools = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
]
const seen = {}
const told = (usage) => usage?.cost?.total_msats

// tools come first: the provider has two answers ready for them
let whole = await openai.chat.completions.create({ model: 'good', messages, tools })
seen.tools = { call: whole.choices[0].message.tool_calls?.[0], cost: told(whole.usage) }
let call = { name: '', arguments: '' }
for await (const chunk of await openai.chat.completions.create({ model: 'good', messages, tools, stream: true })) {
  for (const { function: part } of chunk.choices[0]?.delta?.tool_calls ?? []) {
    call = { name: call.name + (part.name ?? ''), arguments: call.arguments + (part.arguments ?? '') }
  }
}
seen.toolsStreamed = call

whole = await openai.chat.completions.create({ model: 'good', messages })
seen.chat = {
  words: whole.choices[0].message.content,
  tokens: [whole.usage.prompt_tokens, whole.usage.completion_tokens],
  cost: told(whole.usage),
}
const stream = await openai.chat.completions.create({
  model: 'good', messages, stream: true, stream_options: { include_usage: true },
})
seen.chatStreamed = { words: '' }
for await (const chunk of stream) {
  seen.chatStreamed.words += chunk.choices[0]?.delta?.content ?? ''
  seen.chatStreamed.cost = told(chunk.usage) ?? seen.chatStreamed.cost
}
const helper = openai.chat.completions.stream({ model: 'good', messages })
seen.chatHelper = { words: await helper.finalContent() }

const response = await openai.responses.create({ model: 'good', input: 'Say something.' })
seen.response = { words: response.output_text, cost: told(response.usage) }
const events = openai.responses.stream({ model: 'good', input: 'Say something.' })
seen.responseStreamed = { words: (await events.finalResponse()).output_text }

const vectors = await openai.embeddings.create({ model: 'good', input: ['one', 'two'], encoding_format: 'float' })
seen.embeddings = { sizes: vectors.data.map((one) => one.embedding.length), cost: told(vectors.usage) }

const pictures = await openai.images.generate({ model: 'draws', prompt: 'A cat', n: 2 })
seen.pictures = { data: pictures.data.map((one) => one.b64_json), cost: told(pictures.usage) }
const edited = await openai.images.edit({
  model: 'draws', prompt: 'A hat', image: await toFile(Buffer.from(seen.pictures.data[0], 'base64'), 'a.png'),
})
seen.edited = edited.data.length

const speech = await openai.audio.speech.create({ model: 'speaks', input: 'Hello', voice: 'alloy' })
seen.speech = Buffer.from(await speech.arrayBuffer()).toString('base64')
const heard = await openai.audio.transcriptions.create({
  model: 'hears', file: await toFile(Buffer.from(seen.speech, 'base64'), 'a.mp3'),
})
seen.heard = heard.text

const message = await anthropic.messages.create({ model: 'good', max_tokens: 100, messages })
seen.message = {
  words: message.content.map((block) => block.text).join(''),
  tokens: [message.usage.input_tokens, message.usage.output_tokens],
  cost: told(message.usage),
}
const written = anthropic.messages.stream({ model: 'good', max_tokens: 100, messages })
seen.messageStreamed = { words: await written.finalText() }

seen.models = (await openai.models.list()).data.some((model) => model.id === 'good')
try {
  await openai.chat.completions.create({ model: 'nobody', messages })
} catch (error) {
  seen.refused = { known: error instanceof APIError, status: error.status, code: error.code }
}

seen.realtime = await new Promise((resolve, reject) => {
  // the client insists on TLS, which the node leaves to who stands before it
  const createConnection = ({ host, port }) => connect({ host, port })
  const talk = new OpenAIRealtimeWS({ model: 'talks', options: { createConnection } }, openai)
  let words = ''
  talk.on('error', reject)
  talk.socket.on('open', () => {
    talk.send({
      type: 'session.update',
      session: { type: 'realtime', audio: { input: { turn_detection: null } } },
    })
    talk.send({ type: 'response.create' })
  })
  talk.on('response.output_audio_transcript.delta', (event) => (words += event.delta))
  talk.on('response.done', (event) => {
    talk.close()
    resolve({ words, cost: told(event.response.usage) })
  })
})

console.log(JSON.stringify(seen))
