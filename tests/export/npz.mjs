// npz.mjs - tensors of an .npz file, as far as odenet writes them.
import { readFileSync } from 'node:fs'

const kinds = { '<f4': Float32Array, '<i8': BigInt64Array }

function npy (bytes) {
  const end = 10 + bytes.readUInt16LE(8)
  const head = bytes.toString('latin1', 10, end)
  const [, kind] = head.match(/'descr': '([^']*)'/)
  const [, list] = head.match(/'shape': \(([^)]*)\)/)
  const raw = Uint8Array.from(bytes.subarray(end))
  return {
    shape: list.split(',').filter(text => text.trim()).map(Number),
    data: new kinds[kind](raw.buffer)
  }
}

export function npz (path) {
  const zip = readFileSync(path)
  const tensors = {}
  let at = 0
  while (zip.readUInt32LE(at) === 0x04034b50) {
    const size = zip.readUInt32LE(at + 18)
    const from = at + 30 + zip.readUInt16LE(at + 26)
    const name = zip.toString('latin1', at + 30, from).replace(/\.npy$/, '')
    tensors[name] = npy(zip.subarray(from, from + size))
    at = from + size
  }
  return tensors
}
