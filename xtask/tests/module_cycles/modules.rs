//! The modules of a crate with their files and names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Ident, Item, Meta, Token, UseTree, punctuated::Punctuated};

/// The index of a module in its tree; the root module is 0.
pub(crate) type ModuleId = usize;

/// A path of names, such as `crate`, `store`, `Session`.
pub(crate) type NamePath = Vec<String>;

/// The meaning of a name in a module.
pub(crate) enum Definition {
    Module(ModuleId),
    Item,
    Import(NamePath),
}

/// A module without its child modules.
pub(crate) struct Module {
    /// The path without `crate`; the root module is `crate`.
    pub(crate) path: String,
    pub(crate) parent: Option<ModuleId>,
    pub(crate) items: Vec<Item>,
    /// A name may be both a type and a value.
    pub(crate) names: BTreeMap<String, Vec<Definition>>,
    pub(crate) globs: Vec<NamePath>,
}

/// The modules of a crate that are compiled without `cfg(test)`.
#[derive(Default)]
pub(crate) struct ModuleTree {
    pub(crate) modules: Vec<Module>,
}

/// The folders to search for child modules.
struct Place {
    /// The folder of the module's own file, for `#[path]`.
    file_folder: PathBuf,
    module_folder: PathBuf,
}

impl ModuleTree {
    /// Loads a crate from the file of its root module.
    pub(crate) fn load(root: &Path) -> Self {
        let mut tree = Self::default();
        let folder = root.parent().expect("a file is in a folder").to_owned();
        let place = Place {
            file_folder: folder.clone(),
            module_folder: folder,
        };
        tree.add("crate".to_owned(), None, parse(root), &place);
        tree
    }

    fn add(
        &mut self,
        path: String,
        parent: Option<ModuleId>,
        items: Vec<Item>,
        place: &Place,
    ) -> ModuleId {
        let id = self.modules.len();
        self.modules.push(Module {
            path,
            parent,
            items: Vec::new(),
            names: BTreeMap::new(),
            globs: Vec::new(),
        });
        for item in items {
            if is_test_only(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(module) => self.add_below(id, module, place),
                item => {
                    self.define(id, &item);
                    self.modules[id].items.push(item);
                }
            }
        }
        id
    }

    fn add_below(&mut self, parent: ModuleId, module: syn::ItemMod, place: &Place) {
        let name = name_of(&module.ident);
        let path = match parent {
            0 => name.clone(),
            _ => format!("{}::{name}", self.modules[parent].path),
        };
        let (items, below) = match module.content {
            Some((_, items)) => {
                let below = Place {
                    file_folder: place.module_folder.join(&name),
                    module_folder: place.module_folder.join(&name),
                };
                (items, below)
            }
            None => {
                let file = module_file(&name, &module.attrs, place);
                let folder = file.parent().expect("a file is in a folder").to_owned();
                let is_index = file.ends_with("mod.rs") || path_attribute(&module.attrs).is_some();
                let module_folder = if is_index {
                    folder.clone()
                } else {
                    folder.join(&name)
                };
                let below = Place {
                    file_folder: folder,
                    module_folder,
                };
                (parse(&file), below)
            }
        };
        let id = self.add(path, Some(parent), items, &below);
        self.add_name(parent, name, Definition::Module(id));
    }

    fn define(&mut self, id: ModuleId, item: &Item) {
        if let Item::Use(item) = item {
            for (name, path) in imports(&item.tree) {
                match name {
                    Some(name) => self.add_name(id, name, Definition::Import(path)),
                    None => self.modules[id].globs.push(path),
                }
            }
        } else if let Some(ident) = defined_name(item) {
            self.add_name(id, name_of(ident), Definition::Item);
        }
    }

    fn add_name(&mut self, id: ModuleId, name: String, definition: Definition) {
        let names = &mut self.modules[id].names;
        names.entry(name).or_default().push(definition);
    }
}

fn parse(file: &Path) -> Vec<Item> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .items
}

fn module_file(name: &str, attributes: &[Attribute], place: &Place) -> PathBuf {
    if let Some(path) = path_attribute(attributes) {
        return place.file_folder.join(path);
    }
    let file = place.module_folder.join(format!("{name}.rs"));
    if file.is_file() {
        file
    } else {
        place.module_folder.join(name).join("mod.rs")
    }
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(literal) => match &literal.lit {
                    syn::Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
}

/// Returns the names that a `use` declaration imports, with their paths; a glob has no name.
pub(crate) fn imports(tree: &UseTree) -> Vec<(Option<String>, NamePath)> {
    fn walk(tree: &UseTree, prefix: &NamePath, found: &mut Vec<(Option<String>, NamePath)>) {
        let with = |ident: &Ident| {
            let mut path = prefix.clone();
            path.push(name_of(ident));
            path
        };
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), found),
            UseTree::Group(group) => {
                for tree in &group.items {
                    walk(tree, prefix, found);
                }
            }
            UseTree::Glob(_) => found.push((None, prefix.clone())),
            UseTree::Name(name) if name.ident == "self" => {
                found.push((prefix.last().cloned(), prefix.clone()));
            }
            UseTree::Name(name) => found.push((Some(name_of(&name.ident)), with(&name.ident))),
            UseTree::Rename(rename) => {
                let path = match rename.ident == "self" {
                    true => prefix.clone(),
                    false => with(&rename.ident),
                };
                found.push((Some(name_of(&rename.rename)), path));
            }
        }
    }
    let mut found = Vec::new();
    walk(tree, &Vec::new(), &mut found);
    found
}

/// Returns a name without the `r#` of a raw identifier.
pub(crate) fn name_of(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

pub(crate) fn defined_name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Mod(item) => Some(&item.ident),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns whether an item is compiled only with `cfg(test)`.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        let Meta::List(list) = condition else {
            return condition.path().is_ident("test");
        };
        let parts = list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .unwrap_or_default();
        match list.path.get_ident() {
            Some(name) if name == "all" => parts.iter().any(needs_test),
            Some(name) if name == "any" => parts.iter().all(needs_test),
            _ => false,
        }
    }
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<Meta>()
                    .is_ok_and(|it| needs_test(&it))
    })
}
