import type { CifField } from "molstar/lib/mol-io/reader/cif.js";
import { CIF } from "molstar/lib/mol-io/reader/cif.js";
import { parsePDB } from "molstar/lib/mol-io/reader/pdb/parser.js";
import { pdbToMmCif } from "molstar/lib/mol-model-formats/structure/pdb/to-cif.js";
import { UserError } from "../errors.js";
import { fromRows, type GaussianModel } from "./molecule.js";
import { scatteringFactor } from "./scattering.js";

/** What was read from a file of atoms and what was left out. */
export interface ParsedAtoms {
  readonly model: GaussianModel;
  readonly atoms: number;
  readonly waters: number;
  readonly alternates: number;
}

/**
 * The atoms of a PDB or mmCIF text as Gaussians: electron scattering factors (five Gaussians each), widened by the B-factor, weighted by
 * the occupancy. The first model is taken; waters and alternate locations other than the first are left out and counted. Throws
 * `UserError` for files without atoms and for elements without a scattering factor.
 */
export async function parseAtoms(text: string, file: string): Promise<ParsedAtoms> {
  const sites = await atomSites(text, file);
  const field = (name: string): CifField => {
    const found = sites.getField(name);
    if (found === undefined) throw new UserError(`${file}: its atoms have no ${name}`);
    return found;
  };
  const [x, y, z, element] = ["Cartn_x", "Cartn_y", "Cartn_z", "type_symbol"].map(field);
  const residue = sites.getField("label_comp_id");
  const alternate = sites.getField("label_alt_id");
  const occupancy = sites.getField("occupancy");
  const bFactor = sites.getField("B_iso_or_equiv");
  const modelNumber = sites.getField("pdbx_PDB_model_num");
  const rows: number[][] = [];
  const counts = { atoms: 0, waters: 0, alternates: 0 };
  for (let i = 0; i < sites.rowCount; i++) {
    if (modelNumber !== undefined && modelNumber.str(i) !== modelNumber.str(0)) break;
    const place = alternate?.str(i) ?? "";
    if (["HOH", "WAT", "DOD"].includes(residue?.str(i) ?? "")) counts.waters++;
    else if (place !== "" && place !== "." && place !== "A" && place !== "1") counts.alternates++;
    else {
      counts.atoms++;
      const share = occupancy === undefined || place !== "" ? 1 : occupancy.float(i);
      const position = [x.float(i), y.float(i), z.float(i)];
      if (!position.every(Number.isFinite)) throw new UserError(`${file}: atom ${i + 1} has no position`);
      for (const { a, b } of scatteringFactor(element.str(i), file)) {
        const width = Math.max(0, b + Math.max(0, bFactor?.float(i) ?? 0));
        rows.push([...position, a * share, Math.sqrt(width / (8 * Math.PI ** 2))]);
      }
    }
  }
  if (counts.atoms === 0) throw new UserError(`${file}: holds no atoms`);
  return { model: fromRows(rows), ...counts };
}

async function atomSites(text: string, file: string) {
  const isCif = /^\s*(#.*\n\s*)*data_/.test(text);
  const parsed = isCif ? await CIF.parseText(text).run() : await parsePDB(text, file).run();
  if (parsed.isError)
    throw new UserError(`${file}: is no ${isCif ? "mmCIF" : "PDB"} file (${parsed.message})`);
  const result = parsed.result;
  const frame = "blocks" in result ? result.blocks[0] : await pdbToMmCif(result);
  const sites = frame?.categories.atom_site;
  if (sites === undefined || sites.rowCount === 0)
    throw new UserError(`${file}: holds no atoms (a PDB or mmCIF file was expected)`);
  return sites;
}
