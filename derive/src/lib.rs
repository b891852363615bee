//! The derive macro behind `elimap::Tree`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, Fields, GenericParam, Generics, Index, Member, Path, Result,
    parse_quote_spanned,
};

/// Makes a struct an argument and result of traced functions: implements `elimap::Flatten` and `elimap::Tree`.
///
/// The leaves are those of the fields, in declaration order; the structure is `TreeDef::Struct` with the struct's name
/// and its fields', which are `0`, `1`, .. for a tuple struct. Every field's type is a tree itself, and every type
/// parameter is taken to be one.
///
/// ```ignore
/// #[derive(Tree)]
/// struct Model<T> {
///     rates: Vec<Tensor>,
///     reward: Option<T>,
/// }
/// ```
///
/// Enums and unions are refused, since the structure of a value must be known before the function runs:
///
/// ```compile_fail
/// #[derive(elimap_derive::Tree)]
/// enum Shape {
///     Circle,
///     Square,
/// }
/// ```
#[proc_macro_derive(Tree)]
pub fn derive_tree(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let expanded = syn::parse(input).and_then(|input| expand(&input));
    expanded.unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => return Err(refuse(data.enum_token.span(), "an enum")),
        Data::Union(data) => return Err(refuse(data.union_token.span(), "a union")),
    };
    // Local names are hygienic among themselves; the underscores keep them apart from the user's constants, which a
    // pattern of the same name would refer to.
    let site = Span::mixed_site();
    let flatten = with_bound(
        &input.generics,
        &parse_quote_spanned!(site=> ::elimap::Flatten),
    );
    let tree = with_bound(
        &input.generics,
        &parse_quote_spanned!(site=> ::elimap::Tree),
    );
    let (flatten_generics, type_generics, flatten_where) = flatten.split_for_impl();
    let (tree_generics, _, tree_where) = tree.split_for_impl();
    let ident = &input.ident;
    let name = ident.unraw().to_string();
    let members: Vec<Member> = fields.members().collect();
    let names: Vec<String> = members.iter().map(member_name).collect();
    let flattened = fields.iter().zip(&members).zip(&names).map(|((field, member), name)| {
        let ty = &field.ty;
        // A field whose type is no tree is reported at that type.
        quote_spanned! {ty.span().resolved_at(site)=>
            (::std::string::String::from(#name), <#ty as ::elimap::Flatten>::flatten(&self.#member, __leaves))
        }
    });
    let found_names: Vec<_> = (0..members.len())
        .map(|i| format_ident!("__name_{i}", span = site))
        .collect();
    let found_defs: Vec<_> = (0..members.len())
        .map(|i| format_ident!("__def_{i}", span = site))
        .collect();
    let rebuilt = fields.iter().zip(&members).zip(names.iter().zip(&found_defs)).map(|((field, member), (name, def))| {
        let ty = &field.ty;
        quote_spanned! {ty.span().resolved_at(site)=>
            #member: <#ty as ::elimap::Tree>::unflatten(
                #def,
                __leaves,
                &::elimap::Path::join(__path, ::elimap::Step::Field(::std::string::String::from(#name))),
            )?
        }
    });
    let expected = match fields {
        Fields::Unit => format!("a struct {name} without fields"),
        _ => format!("a struct {name} with fields {names:?}"),
    };
    Ok(quote_spanned! {site=>
        #[automatically_derived]
        impl #flatten_generics ::elimap::Flatten for #ident #type_generics #flatten_where {
            #[allow(unused_variables)]
            fn flatten(&self, __leaves: &mut ::std::vec::Vec<::elimap::Tensor>) -> ::elimap::TreeDef {
                ::elimap::TreeDef::Struct(::std::string::String::from(#name), ::std::vec![#(#flattened),*])
            }
        }

        #[automatically_derived]
        impl #tree_generics ::elimap::Tree for #ident #type_generics #tree_where {
            #[allow(unused_variables)]
            fn unflatten(
                __def: &::elimap::TreeDef,
                __leaves: &mut dyn ::std::iter::Iterator<Item = ::elimap::Tensor>,
                __path: &::elimap::Path,
            ) -> ::std::result::Result<Self, ::elimap::TreeError> {
                let __found = match __def {
                    ::elimap::TreeDef::Struct(__name, __fields) => match __fields.as_slice() {
                        [#((#found_names, #found_defs)),*] if __name == #name #(&& #found_names == #names)* => {
                            return ::std::result::Result::Ok(Self { #(#rebuilt),* });
                        }
                        __fields => {
                            let __names: ::std::vec::Vec<_> = ::std::iter::Iterator::map(__fields.iter(), |__field| &__field.0).collect();
                            ::std::format!("a struct {__name} with fields {__names:?}")
                        }
                    },
                    __other => ::elimap::TreeDef::kind(__other),
                };
                ::std::result::Result::Err(::elimap::TreeError::Structure {
                    path: ::std::clone::Clone::clone(__path),
                    expected: ::std::string::String::from(#expected),
                    found: __found,
                })
            }
        }
    })
}

fn refuse(at: Span, what: &str) -> Error {
    let message = format!(
        "#[derive(Tree)] takes a struct, not {what}: which tensors a value holds must be known before the function \
         runs; use a struct with `Option` fields, or implement `elimap::Flatten` and `elimap::Tree` by hand"
    );
    Error::new(at, message)
}

/// The generics with this bound on every type parameter.
fn with_bound(generics: &Generics, bound: &Path) -> Generics {
    let mut generics = generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(syn::parse_quote!(#bound));
        }
    }
    generics
}

fn member_name(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.unraw().to_string(),
        Member::Unnamed(Index { index, .. }) => index.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::expand;

    #[test]
    fn every_form_of_struct_gets_two_implementations() {
        let inputs: [syn::DeriveInput; 5] = [
            parse_quote! { struct Named { slope: Tensor, r#type: Vec<Tensor> } },
            parse_quote! { struct Pair(Tensor, Option<Tensor>); },
            parse_quote! { struct Unit; },
            parse_quote! { struct Empty {} },
            parse_quote! { struct Generic<'a, T: Clone = Tensor, const N: usize>([T; N], Inner<'a>) where T: Copy; },
        ];
        for input in inputs {
            let text = expand(&input).map(|tokens| tokens.to_string());
            assert!(text.is_ok_and(|text| text.matches("automatically_derived").count() == 2));
        }
    }

    #[test]
    fn enums_and_unions_are_refused() {
        let message = |input| expand(&input).err().map(|error| error.to_string());
        let advice = "which tensors a value holds must be known before the function runs; use a struct with `Option` \
                      fields, or implement `elimap::Flatten` and `elimap::Tree` by hand";
        assert_eq!(
            message(parse_quote! { enum Choice { A, B(Tensor) } }),
            Some(format!(
                "#[derive(Tree)] takes a struct, not an enum: {advice}"
            ))
        );
        assert_eq!(
            message(parse_quote! { union Bits { a: u32, b: f32 } }),
            Some(format!(
                "#[derive(Tree)] takes a struct, not a union: {advice}"
            ))
        );
    }
}
