// A wallet of another hand buys one answer: node shop.mjs NODE_URL MINT_URL BODY
// It knows what the 402 tells, and nothing else. What happened is written as one line of JSON.
import { PaymentRequest, Wallet, getDecodedToken, getEncodedToken } from '@cashu/cashu-ts'

const [node, mint, body] = process.argv.slice(2)
const sum = (proofs) => proofs.reduce((total, proof) => total + Number(proof.amount), 0)
const post = (path, headers, text) =>
  fetch(node + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  })

const refused = await post('/v1/chat/completions', {}, body)
const request = PaymentRequest.fromEncodedRequest(refused.headers.get('x-cashu'))
const wanted = Number(request.amount)

const wallet = new Wallet(mint, { unit: request.unit })
await wallet.loadMint()
const quote = await wallet.createMintQuoteBolt11(2 * wanted)
while ((await wallet.checkMintQuoteBolt11(quote.quote)).state !== 'PAID') {
  await new Promise((resolve) => setTimeout(resolve, 100))
}
const bought = await wallet.mintProofsBolt11(2 * wanted, quote.quote)
const { send } = await wallet.send(wanted, bought, { includeFees: true })
const token = getEncodedToken({ mint, proofs: send, unit: request.unit })

const answer = await post('/v1/chat/completions', { 'X-Cashu': token }, body)
const text = await answer.text()
const chunks = text.startsWith('{')
  ? [JSON.parse(text)]
  : text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)))
const told = chunks.map((chunk) => chunk.metadata?.routstr).find((one) => one !== undefined)
const change = answer.headers.get('x-cashu') ?? told?.change
const claim = await post('/v1/wallet/refund', { 'X-Cashu': token })
const claimed = await claim.json()
const face = sum(getDecodedToken(change, wallet.keyChain.getAllKeysetIds()).proofs)
const received = sum(await wallet.receive(change))

console.log(
  JSON.stringify({
    refused: refused.status,
    asked: { amount: wanted, unit: request.unit, mints: request.mints },
    paid: sum(send),
    answered: answer.status,
    type: answer.headers.get('content-type'),
    words: chunks.flatMap((chunk) => chunk.choices ?? []).length,
    inHeader: answer.headers.has('x-cashu'),
    inBody: told?.change !== undefined,
    told,
    claimedTheSame: claimed.token === change,
    face,
    received,
  }),
)
