// logits.mjs FOLDER - what onnxruntime makes of NAME.onnx in the folder is what the engine made
// of the same images, in NAME.npz: logits to 1e-4, the same classes, in any batch.
import { readdirSync } from 'node:fs'
import ort from 'onnxruntime-node'
import { npz } from './npz.mjs'

const folder = process.argv[2]
const most = 1e-4
let failures = 0

async function answers (session, images, first, n) {
  const [, ...extents] = images.shape
  const image = extents.reduce((a, b) => a * b)
  const data = images.data.subarray(first * image, (first + n) * image)
  return session.run({ image: new ort.Tensor('float32', data, [n, ...extents]) })
}

// The classes whose logits are the largest, to what logits may differ by.
const largest = row => row.map((x, i) => x >= Math.max(...row) - 2 * most ? i : -1)
const sameClass = (own, other) => largest(own).includes(other.indexOf(Math.max(...other)))
const rowsOf = (data, n) => Array.from({ length: n }, (_, i) =>
  Array.from(data.subarray(i * data.length / n, (i + 1) * data.length / n)))

// The softmax of the logits, and what is wrong with the graph's own.
function probabilitiesOff (logits, probabilities) {
  const top = Math.max(...logits)
  const sum = logits.reduce((a, x) => a + Math.exp(x - top), 0)
  return Math.max(...logits.map((x, i) => Math.abs(Math.exp(x - top) / sum - probabilities[i])))
}

async function compare (name) {
  const { images, logits } = npz(`${folder}/${name}.npz`)
  const n = images.shape[0]
  const session = await ort.InferenceSession.create(`${folder}/${name}.onnx`,
    { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const all = await answers(session, images, 0, n)
  const alone = await answers(session, images, n - 1, 1)
  const own = rowsOf(logits.data, n)
  const other = rowsOf(all.logits.data, n)
  const shares = rowsOf(all.probabilities.data, n)
  await session.release()

  const off = (a, b) => Math.max(...a.map((x, i) => Math.abs(x - b[i])))
  const worst = Math.max(...own.map((row, i) => off(row, other[i])))
  const spread = Math.max(...own.map((row, i) => off(row, own[(i + 1) % n])))
  const complaints = [
    [n === 100, `${n} images`],
    [worst <= most, `logits differ by ${worst}`],
    [spread > 100 * worst, `logits of the images differ by ${spread} only`],
    [own.every((row, i) => sameClass(row, other[i])), 'other classes'],
    [off(rowsOf(alone.logits.data, 1)[0], other[n - 1]) <= most, 'an image alone differs'],
    [other.every((row, i) => probabilitiesOff(row, shares[i]) < 1e-6), 'no probabilities']
  ].filter(([good]) => !good).map(([, text]) => text)

  failures += complaints.length > 0
  console.log(`${complaints.length ? 'not ok' : 'ok'} - ${name}: ` +
    `logits to ${worst.toExponential(1)} ${complaints.join('; ')}`)
}

const names = readdirSync(folder).filter(file => file.endsWith('.onnx'))
  .map(file => file.slice(0, -5))
for (const name of names) await compare(name)
console.log(`${names.length} models compared, ${failures} bad`)
process.exit(failures > 0 || names.length === 0 ? 1 : 0)
