//! The imports between modules, and their cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::components::strongly_connected;
use crate::modules::{Definition, ModuleId, ModuleTree, NamePath};
use crate::references;

/// The imports between modules of a crate, except between parent and child.
pub(crate) struct Graph {
    paths: Vec<String>,
    imports: Vec<BTreeMap<ModuleId, BTreeSet<String>>>,
}

/// Modules that import each other, directly or indirectly.
#[derive(Debug)]
pub(crate) struct Cycle {
    pub(crate) modules: Vec<String>,
    /// Importer, imported module, and the imported names.
    imports: Vec<(String, String, BTreeSet<String>)>,
}

impl Graph {
    pub(crate) fn of(tree: &ModuleTree) -> Self {
        let imports = tree.modules.iter().enumerate().map(|(id, module)| {
            let mut imports = BTreeMap::<_, BTreeSet<String>>::new();
            for path in references::collect(module) {
                for (target, name) in Resolver::of(tree).resolve(id, &path, false) {
                    let related =
                        module.parent == Some(target) || tree.modules[target].parent == Some(id);
                    if target != id && !related {
                        imports.entry(target).or_default().insert(name);
                    }
                }
            }
            imports
        });
        Self {
            paths: tree.modules.iter().map(|it| it.path.clone()).collect(),
            imports: imports.collect(),
        }
    }

    pub(crate) fn cycles(&self) -> Vec<Cycle> {
        let edges: Vec<Vec<ModuleId>> = self
            .imports
            .iter()
            .map(|imports| imports.keys().copied().collect())
            .collect();
        let components = strongly_connected(&edges).into_iter();
        components
            .filter(|component| component.len() > 1)
            .map(|component| self.cycle(&component))
            .collect()
    }

    fn cycle(&self, component: &BTreeSet<ModuleId>) -> Cycle {
        let imports = component.iter().flat_map(|&from| {
            self.imports[from]
                .iter()
                .filter(|(to, _)| component.contains(to))
                .map(move |(&to, names)| {
                    (
                        self.paths[from].clone(),
                        self.paths[to].clone(),
                        names.clone(),
                    )
                })
        });
        Cycle {
            modules: component.iter().map(|&id| self.paths[id].clone()).collect(),
            imports: imports.collect(),
        }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} modules", self.modules.len())?;
        for (from, to, names) in &self.imports {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            writeln!(f, "  {from} → {to}: {}", names.join(", "))?;
        }
        Ok(())
    }
}

/// Finds the modules that define a name.
struct Resolver<'a> {
    tree: &'a ModuleTree,
    /// The paths being resolved: globs and re-exports may be circular.
    visited: BTreeSet<(ModuleId, NamePath)>,
}

enum Step {
    Into(ModuleId),
    Found(BTreeSet<(ModuleId, String)>),
    Unknown,
}

impl<'a> Resolver<'a> {
    fn of(tree: &'a ModuleTree) -> Self {
        Self {
            tree,
            visited: BTreeSet::new(),
        }
    }

    /// Returns the defining modules of a path in `module`, each with the name; empty for another crate.
    ///
    /// An undefined name is assumed to come from a macro, unless `strict`.
    fn resolve(
        &mut self,
        module: ModuleId,
        path: &[String],
        strict: bool,
    ) -> BTreeSet<(ModuleId, String)> {
        if !self.visited.insert((module, path.to_vec())) {
            return BTreeSet::new();
        }
        let mut current = module;
        let mut is_inside = false;
        for (index, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => (current, is_inside) = (0, true),
                "self" if index == 0 => is_inside = true,
                "super" => match self.tree.modules[current].parent {
                    Some(parent) => (current, is_inside) = (parent, true),
                    None => return BTreeSet::new(),
                },
                _ => match self.step(current, name, &path[index + 1..], strict) {
                    Step::Into(below) => (current, is_inside) = (below, true),
                    Step::Found(found) => return found,
                    Step::Unknown if is_inside && !strict => {
                        return BTreeSet::from([(current, name.clone())]);
                    }
                    Step::Unknown => return BTreeSet::new(),
                },
            }
        }
        // The path is that of a module; only paths to its items count.
        BTreeSet::new()
    }

    /// Looks up a name in a module; `rest` is the remaining path.
    fn step(&mut self, module: ModuleId, name: &str, rest: &[String], strict: bool) -> Step {
        let tree = self.tree;
        let definitions = tree.modules[module].names.get(name);
        let mut found = BTreeSet::new();
        for definition in definitions.into_iter().flatten() {
            match definition {
                Definition::Module(below) if !rest.is_empty() => return Step::Into(*below),
                Definition::Module(_) => {}
                Definition::Item => drop(found.insert((module, name.to_owned()))),
                // Such as `use uuid::uuid`, from another crate.
                Definition::Import(path) if path[0] == name && !has_module(definitions) => {}
                Definition::Import(path) => {
                    let whole: NamePath = path.iter().chain(rest).cloned().collect();
                    found.extend(self.resolve(module, &whole, strict));
                }
            }
        }
        if definitions.is_some() {
            return Step::Found(found);
        }
        let names = &tree.modules[module].names;
        for glob in &tree.modules[module].globs {
            // Globs of other crates are ignored.
            let is_inside = ["crate", "self", "super"].contains(&glob[0].as_str());
            if !is_inside && !names.contains_key(&glob[0]) {
                continue;
            }
            let mut whole = glob.clone();
            whole.push(name.to_owned());
            whole.extend_from_slice(rest);
            found.extend(self.resolve(module, &whole, true));
        }
        if found.is_empty() {
            Step::Unknown
        } else {
            Step::Found(found)
        }
    }
}

fn has_module(definitions: Option<&Vec<Definition>>) -> bool {
    let mut definitions = definitions.into_iter().flatten();
    definitions.any(|definition| matches!(definition, Definition::Module(_)))
}
